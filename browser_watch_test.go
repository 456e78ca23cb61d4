package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"iris-broadcast/internal/stream"
)

// append appends events to a topic at once.
func (s *site) append(topic string, data ...string) {
	s.t.Helper()
	events := make([]stream.Event, len(data))
	for i, d := range data {
		events[i] = stream.Event{Topic: stream.MustTopic(topic), Data: d}
	}
	if _, err := s.log.Append(s.t.Context(), events...); err != nil {
		s.t.Fatal(err)
	}
}

// asJSON is a value as an event's data.
func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // the tests' own values
	}
	return string(text)
}

// populateWatched has something to watch: lines, records, numbers and tasks.
func (s *site) populateWatched() {
	s.t.Helper()
	s.append("words", "one line", "two\nlines", "a line that is long: "+strings.Repeat("and goes on, ", 30), `["an", "array"]`, "שלום עולם")
	towns := []string{"Lisbon", "Reykjavík", "Kyōto", "Montevideo", "Ulaanbaatar"}
	for i := range 60 {
		s.append("orders", asJSON(map[string]any{"order": 4711 + i, "customer": map[string]any{"town": towns[i%5], "vip": i%7 == 0},
			"items": []string{"bulb", "seed"}[:1+i%2], "total": math.Round(1999+900*math.Sin(float64(i))) / 100, "paid": i%3 != 0, "note": nil}))
		angle := float64(i) / 6
		s.append("sensors/kitchen", fmt.Sprintf(`{"temperature":%.2f,"humidity":%.1f,"pressure":%.1f}`, 21+2*math.Sin(angle), 48+9*math.Cos(angle/2), 1013+3*math.Sin(angle/4)))
		s.append("sensors/cellar", fmt.Sprintf(`{"temperature":%.2f,"humidity":%.1f}`, 12+math.Cos(angle), 71+4*math.Sin(angle)))
	}
	for i := range 20 {
		s.append("jobs", fmt.Sprintf(`{"id":"render-7","status":"in_progress","completion":%.2f}`, float64(i)*2.69),
			fmt.Sprintf(`{"id":"backup","status":"in_progress","completion":%d}`, i*5))
	}
	s.append("jobs", `{"id":"backup","status":"completed","completion":100}`, `{"id":"upload","status":"failed","completion":38,"reason":"The disk is full."}`)
}
