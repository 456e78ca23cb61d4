// Package chart draws line charts and bar charts as SVG. Colours are CSS
// variables, so that one drawing suits light and dark pages; Style has them.
package chart

import (
	"embed"
	"fmt"
	"html/template"
	"math"
	"strings"
)

//go:embed *.tmpl *.css
var files embed.FS

var templates = template.Must(template.ParseFS(files, "*.tmpl"))

// Style is the style sheet that the drawings need in their document.
func Style() template.CSS {
	return style("style.css")
}

// PageStyle is Style and the style sheet of a report around the drawings.
func PageStyle() template.CSS {
	return style("style.css") + style("page.css")
}

func style(name string) template.CSS {
	b, err := files.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return template.CSS(b)
}

// Axis is one axis of a chart.
type Axis struct {
	Title    string
	Min, Max float64
	Log      bool
	Ticks    []Tick // chosen automatically if empty
}

// Tick is a grid line and its label.
type Tick struct {
	At    float64
	Label string
}

// Point is one point of a line.
type Point struct{ X, Y float64 }

// Line is one line. Class is a, b, c or d for a colour, or quiet.
type Line struct {
	Name   string
	Class  string
	Area   bool // filled down to the axis
	Points []Point
}

// Lines is a chart of lines over two axes.
type Lines struct {
	Title         string
	Width, Height float64
	X, Y          Axis
	Lines         []Line
}

// The margins around a plot, in pixels.
const (
	marginLeft   = 64
	marginRight  = 28
	marginTop    = 30
	marginBottom = 46
	keyRoom      = 34
	letterWidth  = 6.8
)

// share is where v lies on the axis, from 0 to 1.
func (a Axis) share(v float64) float64 {
	low, high := a.Min, a.Max
	if a.Log {
		v, low, high = math.Log10(max(v, a.Min)), math.Log10(low), math.Log10(high)
	}
	if high <= low {
		return 0
	}
	return min(max((v-low)/(high-low), 0), 1)
}

type drawnTick struct {
	X, Y  float64
	Label string
}

type drawnLine struct {
	Line
	Path, AreaPath string
	Keyed          bool // more lines than one: each needs its key
	KeyX           float64
}

// SVG draws the chart.
func (c Lines) SVG() template.HTML {
	left, right := float64(marginLeft), c.Width-marginRight
	top, bottom := float64(marginTop), c.Height-marginBottom
	x := func(v float64) float64 { return left + (right-left)*c.X.share(v) }
	y := func(v float64) float64 { return bottom - (bottom-top)*c.Y.share(v) }
	data := struct {
		Lines
		Left, Right, Top, Bottom, MiddleX, MiddleY float64
		XTicks, YTicks                             []drawnTick
		Drawn                                      []drawnLine
	}{Lines: c, Left: left, Right: right, Top: top, Bottom: bottom, MiddleX: (left + right) / 2,
		MiddleY: (top + bottom) / 2}
	for _, t := range c.X.ticks() {
		data.XTicks = append(data.XTicks, drawnTick{X: x(t.At), Y: bottom, Label: t.Label})
	}
	for _, t := range c.Y.ticks() {
		data.YTicks = append(data.YTicks, drawnTick{X: left, Y: y(t.At), Label: t.Label})
	}
	key := right
	for i := len(c.Lines) - 1; i >= 0; i-- {
		line := c.Lines[i]
		key -= keyRoom + letterWidth*float64(len(line.Name))
		d := drawnLine{Line: line, KeyX: key, Keyed: len(c.Lines) > 1, Path: path(line.Points, x, y)}
		if n := len(line.Points); line.Area && n > 0 {
			d.AreaPath = fmt.Sprintf("%sL%.1f,%.1fL%.1f,%.1fZ", d.Path, x(line.Points[n-1].X), bottom,
				x(line.Points[0].X), bottom)
		}
		data.Drawn = append(data.Drawn, d)
	}
	return execute("lines.tmpl", data)
}

func path(points []Point, x, y func(float64) float64) string {
	var b strings.Builder
	for i, p := range points {
		move := "L"
		if i == 0 {
			move = "M"
		}
		fmt.Fprintf(&b, "%s%.1f,%.1f", move, x(p.X), y(p.Y))
	}
	return b.String()
}

func execute(name string, data any) template.HTML {
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		panic(err) // the template does not fit its data
	}
	return template.HTML(b.String())
}
