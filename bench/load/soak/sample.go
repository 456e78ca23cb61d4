package soak

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"iris-broadcast/bench/internal/procfs"
)

const mib = 1 << 20

// Sample is what a server holds at one moment. Sizes are in bytes.
type Sample struct {
	At          float64 // seconds from the start
	Memory      float64 // resident
	Heap        float64 // in use by Go
	Goroutines  float64
	Descriptors float64
	Directory   float64 // disk space of the store, less what is kept for ever
	Streams     float64
	CPU         float64 // since the last sample, in percent of one CPU
}

// sampling is a server's samples so far.
type sampling struct {
	web     *http.Client // one connection of its own
	samples []Sample
	cpu     time.Duration // at the last sample
}

// sample takes a sample.
func (s *site) sample(ctx context.Context, at time.Duration) (Sample, error) {
	figures, err := s.scrape(ctx)
	if err != nil {
		return Sample{}, err
	}
	pid := s.server.command.Process.Pid
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return Sample{}, err
	}
	now := Sample{At: at.Seconds(), Memory: float64(procfs.Memory([]int{pid})),
		Heap: figures["go_memstats_heap_inuse_bytes"], Goroutines: figures["go_goroutines"],
		Descriptors: float64(len(open)), Streams: figures["broadcast_streams"]}
	if s.server.kind.disk {
		now.Directory = max(diskSpace(s.server.store())-float64(s.kept.Load()), 0)
	}
	cpu := procfs.CPU([]int{pid})
	if n := len(s.samples); n > 0 {
		now.CPU = 100 * (cpu - s.cpu).Seconds() / max(now.At-s.samples[n-1].At, 1e-3)
	}
	s.cpu = cpu
	s.samples = append(s.samples, now)
	return now, nil
}

// diskSpace is the space that the files below dir occupy, in bytes. Files may vanish meanwhile.
func diskSpace(dir string) (sum float64) {
	const block = 512
	filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			sum += block * float64(info.Sys().(*syscall.Stat_t).Blocks)
		}
		return nil
	})
	return sum
}

// scrape reads the server's metrics, by name with labels.
func (s *site) scrape(ctx context.Context) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.server.url("/metrics"), nil)
	if err != nil {
		return nil, err
	}
	response, err := s.sampling.web.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/metrics: %s", response.Status)
	}
	figures := map[string]float64{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			figures[name] = v
		}
	}
	return figures, lines.Err()
}
