package chart

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

func TestTicksAreRoundNumbers(t *testing.T) {
	for want, a := range map[string]Axis{
		"0 5k 10k 15k":       {Min: 0, Max: 15000},
		"0 0.2 0.4 0.6 0.8":  {Min: 0, Max: 0.9},
		"0.5 1 2 5 10 20 50": {Min: 0.5, Max: 50, Log: true},
		"1 10 100 1k 10k":    {Min: 1, Max: 10000, Log: true},
		"":                   {},
	} {
		var labels []string
		for _, tick := range a.ticks() {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); got != want {
			t.Errorf("%+v: %s, want %s", a, got, want)
		}
	}
}

func TestDrawingsAreWellFormedWhateverTheNames(t *testing.T) {
	points := []Point{{0, 1}, {1, 3}}
	for _, svg := range []string{
		string(Lines{Title: "a < b & c", Width: 400, Height: 200, X: Axis{Max: 1}, Y: Axis{Max: 3},
			Lines: []Line{{Name: "<x>", Class: "a", Area: true, Points: points}, {Name: "none"}}}.SVG()),
		string(Bars{Title: "a < b", Width: 400,
			Bars: []Bar{{Name: "<x>", Class: "a", Value: 2, Min: 1, Max: 3}, {Name: "zero"}}}.SVG()),
	} {
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%v in\n%s", err, svg)
			}
		}
	}
}
