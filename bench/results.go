package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"iris-broadcast/bench/internal/figures"
)

// results is all trials of a run.
type results struct {
	Machine string
	Quick   bool
	Rounds  int
	Skipped map[string]string `json:",omitempty"` // servers that did not run, and why
	Trials  []*trial
}

func (r *results) add(t *trial) { r.Trials = append(r.Trials, t) }

// readResults reads files that -json has written. Each case is taken as a whole from the last file that has it, since
// only figures of one run are comparable.
func readResults(files []string) (*results, error) {
	all := &results{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		newer := results{}
		if err := json.Unmarshal(text, &newer); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		older := slices.DeleteFunc(all.Trials, func(t *trial) bool { return len(newer.servers(t.Case)) > 0 })
		newer.Trials = append(older, newer.Trials...)
		all = &newer
	}
	return all, nil
}

// of is the spread of a metric; ok is false if no trial has it.
func (r *results) of(testCase, server, metric string) (s figures.Spread, ok bool) {
	var values []float64
	for _, t := range r.Trials {
		if v, has := t.Values[metric]; has && t.Case == testCase && t.Server == server {
			values = append(values, v)
		}
	}
	return figures.Of(values)
}

// servers returns the servers that ran a case, in the usual order.
func (r *results) servers(testCase string) (names []string) {
	for _, k := range kinds {
		if slices.ContainsFunc(r.Trials, func(t *trial) bool { return t.Case == testCase && t.Server == k.name }) {
			names = append(names, k.name)
		}
	}
	return names
}

// markdown writes the tables: medians over the rounds, and min..max.
func (r *results) markdown(w io.Writer) {
	fmt.Fprintf(w, "%s\n\nRounds: %d. Each figure is the median over them (min..max).\n", r.Machine, r.Rounds)
	if r.Quick {
		fmt.Fprintln(w,
			"\nA quick trial of one short round with few clients: it shows that everything works, not how fast it is.")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Skipped)) {
		fmt.Fprintf(w, "\nWithout %s: %s\n", name, r.Skipped[name])
	}
	for _, c := range cases {
		if servers := r.servers(c.name); len(servers) > 0 {
			r.table(w, c, servers)
		}
	}
	r.ratioTable(w)
}

func (r *results) table(w io.Writer, c testCase, servers []string) {
	title := c.title
	if r.Quick {
		title = c.name
	}
	fmt.Fprintf(w, "\n### %s\n\n| server |", title)
	for _, m := range c.metrics {
		fmt.Fprintf(w, " %s |", m.title)
	}
	fmt.Fprintf(w, "\n| --- |%s\n", strings.Repeat(" ---: |", len(c.metrics)))
	for _, server := range servers {
		fmt.Fprintf(w, "| %s |", server)
		for _, m := range c.metrics {
			if s, ok := r.of(c.name, server, m.name); ok {
				fmt.Fprintf(w, " %s |", s)
			} else {
				fmt.Fprint(w, " – |")
			}
		}
		fmt.Fprintln(w)
	}
	for _, note := range r.notes(c.name) {
		fmt.Fprintf(w, "\n%s\n", note)
	}
}

// notes returns the notes of a case's trials, each once, with the number of rounds that had it.
func (r *results) notes(testCase string) (lines []string) {
	said := map[string]int{}
	for _, t := range r.Trials {
		for _, note := range t.Notes {
			if t.Case == testCase {
				line := t.Server + ": " + strings.Join(strings.Fields(note), " ")
				if said[line]++; said[line] == 1 {
					lines = append(lines, line)
				}
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
