package chart

import "html/template"

// Bar is one bar, from 0 to its value, and how far the rounds lay apart.
type Bar struct {
	Name            string
	Class           string // a to d for a colour, or quiet
	Value, Min, Max float64
	Label           string // what stands behind it
}

// Bars is a chart of horizontal bars.
type Bars struct {
	Title, Subtitle string
	Width           float64
	Bars            []Bar
}

// Measures of a bar chart, in pixels.
const (
	barsTop    = 50
	barHeight  = 16
	barPitch   = 25
	barsLeft   = 78
	barsRight  = 150 // for the labels
	barsBottom = 10
)

// Height is how high the drawing is, in pixels.
func (c Bars) Height() float64 { return barsTop + barPitch*float64(len(c.Bars)) + barsBottom }

type drawnBar struct {
	Bar
	Y, TextY, MiddleY, Length, MinX, MaxX, LabelX, WhiskerTop, WhiskerBottom float64
}

// SVG draws the chart.
func (c Bars) SVG() template.HTML {
	data := struct {
		Bars
		Left, BarHeight float64
		Drawn           []drawnBar
	}{Bars: c, Left: barsLeft, BarHeight: barHeight}
	most := 0.0
	for _, b := range c.Bars {
		most = max(most, b.Max, b.Value)
	}
	scale := (c.Width - barsLeft - barsRight) / max(most, 1e-12)
	for i, b := range c.Bars {
		y := barsTop + barPitch*float64(i)
		middle := y + barHeight/2.0
		d := drawnBar{Bar: b, Y: y, TextY: middle + 4, MiddleY: middle, Length: max(b.Value*scale, 1),
			MinX: barsLeft + b.Min*scale, MaxX: barsLeft + b.Max*scale, WhiskerTop: middle - 4,
			WhiskerBottom: middle + 4}
		d.LabelX = max(barsLeft+d.Length, d.MaxX) + 7
		data.Drawn = append(data.Drawn, d)
	}
	return execute("bars.tmpl", data)
}
