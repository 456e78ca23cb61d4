package soak

import (
	"iris-broadcast/bench/internal/figures"
)

// quantity is something that a server holds and that must stay flat: its median in the last quarter of the run may
// exceed that in the second, when the server is warm, by percent or by slack, whichever is more.
type quantity struct {
	name    string
	unit    float64 // what value is divided by
	symbol  string
	percent float64
	slack   float64 // in units
	value   func(Sample) float64
}

// quantities are all that must stay flat. The slack is what chance moves: a garbage collection, a memtable of the
// store, a few streams.
var quantities = []quantity{
	{"memory", mib, " MiB", 10, 8, func(s Sample) float64 { return s.Memory }},
	{"heap in use", mib, " MiB", 10, 8, func(s Sample) float64 { return s.Heap }},
	{"goroutines", 1, "", 5, 10, func(s Sample) float64 { return s.Goroutines }},
	{"descriptors", 1, "", 5, 10, func(s Sample) float64 { return s.Descriptors }},
	{"directory", mib, " MiB", 10, 8, func(s Sample) float64 { return s.Directory }},
}

// Verdict compares the last quarter of a run with the second.
type Verdict struct {
	Quantity, Unit string
	Second, Last   float64 // medians, in units
	Growth         float64 // of the last over the second, in percent
	Allowed        float64 // the highest median of the last quarter that counts as flat, in units
	Grew           bool
}

// judge compares the quarters of samples over a run's seconds. Too few samples have grown: they prove nothing.
func (q quantity) judge(samples []Sample, seconds float64) Verdict {
	v := Verdict{Quantity: q.name, Unit: q.symbol}
	median := func(from, to float64) (float64, bool) {
		var values []float64
		for _, s := range samples {
			if s.At >= from*seconds && s.At < to*seconds {
				values = append(values, q.value(s)/q.unit)
			}
		}
		spread, ok := figures.Of(values)
		return spread.Median, ok
	}
	second, ok1 := median(0.25, 0.5)
	last, ok2 := median(0.75, 1.1)
	v.Second, v.Last = second, last
	v.Allowed = max(second*(1+q.percent/100), second+q.slack)
	if second > 0 {
		v.Growth = 100 * (last - second) / second
	}
	v.Grew = !ok1 || !ok2 || last > v.Allowed
	return v
}
