package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"iris-broadcast/bench/internal/figures"
)

// metric is a row of a table.
type metric struct{ name, title string }

// results is all trials of a run.
type results struct {
	options options
	trials  []*trial
}

// markdown writes the tables.
func (r *results) markdown(w io.Writer) {
	fmt.Fprintf(w, "%s\n\nRounds: %d. Each figure is the median over them (min..max).",
		figures.Machine(), r.options.rounds)
	for _, b := range r.options.builds {
		fmt.Fprintf(w, " %s: `-store %s`.", b.name, b.store)
	}
	if len(r.options.builds) > 1 {
		fmt.Fprint(w, " A/B is of each round's pair.")
	}
	fmt.Fprintln(w)
	for _, c := range cases {
		if slices.ContainsFunc(r.trials, func(t *trial) bool { return t.testCase == c.name }) {
			r.table(w, c)
		}
	}
}

func (r *results) table(w io.Writer, c testCase) {
	fmt.Fprintf(w, "\n### %s\n\n| %s |", c.title, c.name)
	columns := len(r.options.builds)
	for _, b := range r.options.builds {
		fmt.Fprintf(w, " %s |", b.name)
	}
	if columns > 1 {
		columns++
		fmt.Fprint(w, " A/B |")
	}
	fmt.Fprintf(w, "\n| --- |%s\n", strings.Repeat(" ---: |", columns))
	for _, m := range c.metrics {
		r.row(w, c.name, m)
	}
	for _, note := range r.notes(c.name) {
		fmt.Fprintf(w, "\n%s\n", note)
	}
}

func (r *results) row(w io.Writer, testCase string, m metric) {
	of := r.of(testCase, m.name)
	cell := func(values []float64) string {
		if s, ok := figures.Of(values); ok {
			return s.String()
		}
		return "–"
	}
	if len(of) == 0 {
		return
	}
	fmt.Fprintf(w, "| %s |", m.title)
	var ratios []float64
	for _, b := range r.options.builds {
		var values []float64
		for _, round := range of {
			if v, ok := round[b.name]; ok {
				values = append(values, v)
			}
		}
		fmt.Fprintf(w, " %s |", cell(values))
	}
	for _, round := range of {
		if a, b := round["A"], round["B"]; a > 0 && b > 0 {
			ratios = append(ratios, a/b)
		}
	}
	if len(r.options.builds) > 1 {
		fmt.Fprintf(w, " %s |", cell(ratios))
	}
	fmt.Fprintln(w)
}

// of returns a metric by round and build.
func (r *results) of(testCase, metric string) map[int]map[string]float64 {
	all := map[int]map[string]float64{}
	for _, t := range r.trials {
		if v, ok := t.values[metric]; ok && t.testCase == testCase {
			if all[t.round] == nil {
				all[t.round] = map[string]float64{}
			}
			all[t.round][t.build.name] = v
		}
	}
	return all
}

// notes returns the notes of a case's trials, each once, with the number of trials that had it.
func (r *results) notes(testCase string) (lines []string) {
	said := map[string]int{}
	for _, t := range r.trials {
		for _, note := range t.notes {
			if t.testCase != testCase {
				continue
			}
			line := t.build.name + ": " + note
			if said[line]++; said[line] == 1 {
				lines = append(lines, line)
			}
		}
	}
	for i, line := range lines {
		if said[line] > 1 {
			lines[i] += fmt.Sprintf(" (%d times)", said[line])
		}
	}
	return lines
}
