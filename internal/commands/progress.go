package commands

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
)

// How often progress is shown: on a terminal in place, elsewhere as a new line.
const (
	redrawEvery = 100 * time.Millisecond
	lineEvery   = 5 * time.Second
)

// progress shows how far a command has come.
type progress struct {
	to       io.Writer
	terminal bool
	quiet    bool // shows nothing unless on a terminal

	mu    sync.Mutex
	shown time.Time
	width int // of the line on the terminal
}

func (c *call) progress() *progress {
	p := &progress{to: c.Err, shown: time.Now()}
	file, ok := c.Err.(*os.File)
	if !ok {
		return p
	}
	info, err := file.Stat()
	null, nullErr := os.Stat(os.DevNull)
	p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0 && (nullErr != nil || !os.SameFile(info, null))
	return p
}

// show is a pebble.Progress.
func (p *progress) show(what string, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	every := lineEvery
	if p.terminal {
		every = redrawEvery
	}
	if p.quiet && !p.terminal || time.Since(p.shown) < every {
		return
	}
	p.shown = time.Now()
	line := fmt.Sprintf("%s %s of %s", what, humanize.IBytes(uint64(done)), humanize.IBytes(uint64(max(done, total))))
	if !p.terminal {
		fmt.Fprintln(p.to, line)
		return
	}
	fmt.Fprintf(p.to, "\r%-*s", p.width, line)
	p.width = len(line)
}

// end clears the line.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.width > 0 {
		fmt.Fprintf(p.to, "\r%*s\r", p.width, "")
		p.width = 0
	}
}
