// Package figures turns measurements of several rounds into table entries.
package figures

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Spread is a metric's values over the rounds.
type Spread struct{ Median, Min, Max float64 }

// Of is the spread of values; ok is false if there are none.
func Of(values []float64) (s Spread, ok bool) {
	if len(values) == 0 {
		return Spread{}, false
	}
	values = slices.Sorted(slices.Values(values))
	middle := len(values) / 2
	s = Spread{values[middle], values[0], values[len(values)-1]}
	if len(values)%2 == 0 {
		s.Median = (values[middle-1] + values[middle]) / 2
	}
	return s, true
}

// String is the median, with minimum and maximum if they differ.
func (s Spread) String() string {
	if s.Min == s.Max {
		return Significant(s.Median)
	}
	return fmt.Sprintf("%s (%s..%s)", Significant(s.Median), Significant(s.Min), Significant(s.Max))
}

// Significant writes v with three significant digits, and whole numbers whole, with
// commas between thousands.
func Significant(v float64) string {
	switch size := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "–"
	case size >= 100:
		return thousands(int64(math.Round(v)))
	case size == math.Trunc(size):
		return strconv.Itoa(int(v))
	case size >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case size >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

func thousands(n int64) string {
	if n < 0 {
		return "-" + thousands(-n)
	}
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// Machine describes this machine for readers of the tables.
func Machine() string {
	var info unix.Sysinfo_t
	unix.Sysinfo(&info)
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("Machine: %d CPUs, %.0f GiB, Linux %s, %s; load and server share it.",
		runtime.NumCPU(), float64(info.Totalram)*float64(info.Unit)/(1<<30),
		strings.TrimSpace(string(release)), runtime.Version())
}
