package main

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"

	"iris-broadcast/bench/internal/chart"
	"iris-broadcast/bench/internal/figures"
)

//go:embed picture.tmpl
var pictureFile embed.FS

var pictureTemplate = template.Must(template.ParseFS(pictureFile, "picture.tmpl"))

// Measures of the picture, in pixels.
const (
	panelWidth  = 470
	panelGap    = 28
	pictureEdge = 24
	headingRoom = 78
)

// panel is a chart and where it stands.
type panel struct {
	X, Y float64
	SVG  template.HTML
}

// picture draws the medians of all charted metrics, with min..max.
func (r *results) picture(w io.Writer) error {
	data := struct {
		Width, Height float64
		Style         template.CSS
		Machine, Note string
		Edge          float64
		Panels        []panel
	}{Width: 2*panelWidth + panelGap + 2*pictureEdge, Style: chart.Style(), Machine: r.Machine, Edge: pictureEdge}
	data.Note = fmt.Sprintf("Medians of %d rounds; whiskers from the least to the most.", r.Rounds)
	if r.Quick {
		data.Note = "A small trial: it shows that it works, not how fast it is."
	}
	data.Height = headingRoom
	top := data.Height // of the row
	place := func(svg template.HTML, height float64) {
		column := len(data.Panels) % 2
		if column == 0 {
			top = data.Height
		}
		data.Panels = append(data.Panels, panel{pictureEdge + float64(column)*(panelWidth+panelGap), top, svg})
		data.Height = max(data.Height, top+height+panelGap)
	}
	for _, c := range cases {
		if c.name == "growth" {
			if lines, ok := r.growthChart(); ok {
				place(lines.SVG(), lines.Height)
			}
			continue
		}
		for _, m := range c.metrics {
			if bars, ok := r.barChart(c, m); ok {
				place(bars.SVG(), bars.Height())
			}
		}
	}
	return pictureTemplate.Execute(w, data)
}

func (r *results) barChart(c testCase, m metric) (bars chart.Bars, ok bool) {
	better := "less is better"
	if m.name == rate.name {
		better = "more is better"
	}
	bars = chart.Bars{Title: c.name + ": " + m.title, Subtitle: better, Width: panelWidth}
	for _, server := range r.servers(c.name) {
		s, has := r.of(c.name, server, m.name)
		if !has || !m.chart {
			continue
		}
		bars.Bars = append(bars.Bars, chart.Bar{Name: server, Class: colour(server), Value: s.Median, Min: s.Min,
			Max: s.Max, Label: figures.Significant(s.Median)})
	}
	return bars, len(bars.Bars) > 0
}

// colour is what a server is drawn in: ours in the first colour, the floor quiet.
func colour(server string) string {
	switch server {
	case "ours", "ours-tls", "ours-h2":
		return "a"
	case "nchan":
		return "b"
	case "go-sse":
		return "c"
	case "r3labs":
		return "d"
	}
	return "quiet"
}

func (r *results) growthChart() (lines chart.Lines, ok bool) {
	most := 0.0
	for _, server := range r.servers("growth") {
		line := chart.Line{Name: server, Class: colour(server)}
		for _, n := range growthSizes {
			if s, has := r.of("growth", server, growthMetric(n)); has {
				line.Points = append(line.Points, chart.Point{X: float64(n), Y: s.Median})
				most = max(most, s.Median)
			}
		}
		lines.Lines = append(lines.Lines, line)
	}
	if most == 0 {
		return lines, false
	}
	lines.Title, lines.Width, lines.Height = "growth", panelWidth, 250
	lines.X = chart.Axis{Title: "clients, at a constant number of deliveries/s", Min: 0,
		Max: float64(slices.Max(growthSizes))}
	lines.Y = chart.Axis{Title: "CPU µs a delivery", Min: 0, Max: most * 1.1}
	return lines, true
}
