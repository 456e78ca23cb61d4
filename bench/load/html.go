package main

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"math"

	"iris-broadcast/bench/internal/chart"
)

//go:embed report.tmpl
var pageFile embed.FS

var page = template.Must(template.New("report.tmpl").Funcs(template.FuncMap{"millis": millis,
	"commas": commas}).ParseFS(pageFile, "report.tmpl"))

// Measures of the charts, in pixels.
const (
	chartWidth  = 880
	chartHeight = 300
)

// html writes the report as a single self-contained file.
func (r *report) html(w io.Writer) error {
	return page.Execute(w, struct {
		*report
		Style  template.CSS
		Charts []template.HTML
		// Tiles besides those of the report itself.
		Deliveries, ConnectedTile string
	}{r, chart.PageStyle(), r.charts(), commas(uint64(r.PerSecond())), commas(uint64(r.Connected))})
}

func (r *report) charts() (charts []template.HTML) {
	if r.Delay != nil {
		charts = append(charts, r.distribution().SVG())
	}
	if len(r.Timeline) > 1 {
		charts = append(charts, r.deliveries().SVG())
		if r.Delay != nil {
			charts = append(charts, r.delayOverTime().SVG())
		}
		if r.Local {
			charts = append(charts, r.cpuOverTime().SVG())
		}
	}
	return charts
}

// nines is a percentile's place on the axis: each factor of ten in rarity is equally wide.
func nines(percentile float64) float64 { return -math.Log10(1 - percentile/100) }

// distribution is the delay by percentile, as is usual for HDR histograms.
func (r *report) distribution() chart.Lines {
	most := nines(99)
	for _, more := range []float64{99.9, 99.99, 99.999, 99.9999} {
		// Only as far as at least ten events are rarer.
		if float64(r.histogram.TotalCount())*(1-more/100) >= 10 {
			most = nines(more)
		}
	}
	line := chart.Line{Name: "delay", Class: "a", Area: true}
	const steps = 240
	for i := range steps + 1 {
		x := most * float64(i) / steps
		line.Points = append(line.Points, chart.Point{X: x, Y: quantile(r.histogram, 100*(1-math.Pow(10, -x)))})
	}
	low, high := chart.LogRange(line.Points[0].Y, line.Points[steps].Y)
	c := chart.Lines{Title: "Delay by percentile", Width: chartWidth, Height: chartHeight,
		X:     chart.Axis{Title: "percentile of deliveries", Max: most},
		Y:     chart.Axis{Title: "delay, ms", Min: low, Max: high, Log: true},
		Lines: []chart.Line{line}}
	for _, p := range []float64{0, 50, 90, 99, 99.9, 99.99, 99.999, 99.9999} {
		if nines(p) <= most+1e-9 {
			c.X.Ticks = append(c.X.Ticks, chart.Tick{At: nines(p), Label: fmt.Sprintf("%v%%", p)})
		}
	}
	return c
}

// overTime is a chart over the seconds of the run.
func (r *report) overTime(title, unit string, lines ...chart.Line) chart.Lines {
	most := 0.0
	for _, l := range lines {
		for _, p := range l.Points {
			most = max(most, p.Y)
		}
	}
	return chart.Lines{Title: title, Width: chartWidth, Height: chartHeight - 40, Lines: lines,
		X: chart.Axis{Title: "seconds from the start", Max: r.Timeline[len(r.Timeline)-1].end},
		Y: chart.Axis{Title: unit, Max: max(most*1.12, 1e-3)}}
}

func (r *report) line(name, class string, value func(Sample) float64) chart.Line {
	l := chart.Line{Name: name, Class: class}
	for _, s := range r.Timeline {
		l.Points = append(l.Points, chart.Point{X: s.At, Y: value(s)})
	}
	return l
}

func (r *report) deliveries() chart.Lines {
	l := r.line("deliveries/s", "a", func(s Sample) float64 { return s.Rate })
	l.Area = true
	return r.overTime("Deliveries over time", "deliveries/s", l)
}

func (r *report) delayOverTime() chart.Lines {
	return r.overTime("Delay over time", "delay, ms",
		r.line("p50", "a", func(s Sample) float64 { return s.P50 }),
		r.line("p99", "b", func(s Sample) float64 { return s.P99 }))
}

func (r *report) cpuOverTime() chart.Lines {
	return r.overTime("The server's CPU over time", "% of one CPU",
		r.line("CPU", "c", func(s Sample) float64 { return s.CPU }))
}
