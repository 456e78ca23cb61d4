package soak

import (
	"embed"
	"html/template"
	"io"
	"strings"
	"time"

	"iris-broadcast/bench/internal/chart"
	"iris-broadcast/bench/internal/figures"
)

//go:embed report.tmpl
var pageFile embed.FS

var page = template.Must(template.New("report.tmpl").Funcs(
	template.FuncMap{"figure": figures.Significant}).ParseFS(pageFile, "report.tmpl"))

// Measures of the charts, in pixels.
const (
	chartWidth  = 880
	chartHeight = 240
)

// html writes the report as a single self-contained file.
func (r *Report) html(w io.Writer) error {
	return page.Execute(w, struct {
		*Report
		Style    template.CSS
		Machine  string
		Duration string
		Charts   []template.HTML
	}{r, chart.PageStyle(), figures.Machine(), time.Duration(r.Seconds * float64(time.Second)).String(), r.charts()})
}

// charts is each quantity over time, and the streams and the CPU that explain it.
func (r *Report) charts() (charts []template.HTML) {
	for _, q := range quantities {
		charts = append(charts, r.chart(q))
	}
	streams := quantity{name: "streams", unit: 1, value: func(s Sample) float64 { return s.Streams }}
	cpu := quantity{name: "CPU", unit: 1, symbol: "% of one", value: func(s Sample) float64 { return s.CPU }}
	return append(charts, r.chart(streams), r.chart(cpu))
}

func (r *Report) chart(q quantity) template.HTML {
	c := chart.Lines{Title: q.name, Width: chartWidth, Height: chartHeight,
		X: chart.Axis{Title: "minutes from the start", Max: r.Seconds / 60},
		Y: chart.Axis{Title: strings.TrimSpace(q.symbol), Max: 1e-3}}
	for i, one := range r.Results {
		line := chart.Line{Name: one.Server, Class: string(rune('a' + i))}
		for _, s := range one.Samples {
			v := q.value(s) / q.unit
			line.Points = append(line.Points, chart.Point{X: s.At / 60, Y: v})
			c.Y.Max = max(c.Y.Max, v*1.12)
		}
		if q.name != "directory" || one.hasDirectory() {
			c.Lines = append(c.Lines, line)
		}
	}
	return c.SVG()
}

func (r Result) hasDirectory() bool {
	for _, s := range r.Samples {
		if s.Directory > 0 {
			return true
		}
	}
	return false
}
