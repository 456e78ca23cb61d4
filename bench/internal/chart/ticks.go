package chart

import (
	"math"
	"strconv"
	"strings"
)

// ticks is the axis's own ticks, or round numbers.
func (a Axis) ticks() []Tick {
	switch {
	case len(a.Ticks) > 0:
		return a.Ticks
	case a.Log:
		return logTicks(a.Min, a.Max)
	}
	return evenTicks(a.Min, a.Max)
}

// evenTicks is about five round numbers from low to high.
func evenTicks(low, high float64) (ticks []Tick) {
	if high <= low {
		return nil
	}
	step := Round((high - low) / 5)
	for k := math.Ceil(low / step); k*step <= high*(1+1e-9); k++ {
		ticks = append(ticks, Tick{k * step, Number(k * step)})
	}
	return ticks
}

// logTicks is the powers of ten from low to high, with 2 and 5 in between if there are few.
func logTicks(low, high float64) (ticks []Tick) {
	steps := []float64{1}
	if high/low <= 2000 {
		steps = []float64{1, 2, 5}
	}
	for power := math.Floor(math.Log10(low)); power <= math.Log10(high); power++ {
		for _, s := range steps {
			if v := s * math.Pow(10, power); v >= low*(1-1e-9) && v <= high*(1+1e-9) {
				ticks = append(ticks, Tick{v, Number(v)})
			}
		}
	}
	return ticks
}

// Round is the least of 1, 2 and 5 times a power of ten that is not below v.
func Round(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, s := range []float64{1, 2, 5} {
		if s*power >= v*(1-1e-9) {
			return s * power
		}
	}
	return 10 * power
}

// LogRange is the powers of ten, halved to 1, 2 or 5, around low and high.
func LogRange(low, high float64) (from, to float64) {
	low, high = max(low, 1e-6), max(high, low, 1e-6)
	to = Round(high)
	from = 1 / Round(1/low)
	if from >= to {
		from = to / 10
	}
	return from, to
}

// Number abbreviates v: 1,200 is 1.2k, 3,000,000 is 3M.
func Number(v float64) string {
	for _, unit := range []struct {
		size   float64
		suffix string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= unit.size {
			return trim(v/unit.size) + unit.suffix
		}
	}
	return trim(v)
}

// trim is v with at most three significant digits and no trailing zeros.
func trim(v float64) string {
	s := strconv.FormatFloat(v, 'g', 3, 64)
	if strings.Contains(s, "e") {
		s = strconv.FormatFloat(v, 'f', -1, 64)
	}
	return s
}
