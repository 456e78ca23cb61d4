package loadgen

import (
	"bytes"
	"strconv"
	"time"
)

// lines parses bytes of the event stream, without HTTP's framing.
func (p *parser) lines(b []byte, event func(s Stamp, stamped bool)) {
	if len(p.line) > 0 {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			p.hold(b)
			return
		}
		p.hold(b[:end])
		p.interpret(p.line, event)
		p.line, b = p.line[:0], b[end+1:]
	}
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			p.hold(b)
			return
		}
		p.interpret(b[:end], event)
		b = b[end+1:]
	}
}

// hold keeps the start of a split line, at most keep bytes of it.
func (p *parser) hold(b []byte) {
	p.line = append(p.line, b[:min(len(b), keep-len(p.line))]...)
}

// interpret handles one line, given without its LF.
func (p *parser) interpret(line []byte, event func(s Stamp, stamped bool)) {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if len(line) == 0 {
		p.dispatch(event)
		return
	}
	switch line[0] {
	case 'd':
		if value, ok := field(line, "data"); ok && !p.hasData {
			p.hasData = true
			p.stamp, p.stamped = ParseStamp(unwrap(value))
		}
	case 'e':
		if value, ok := field(line, "event"); ok {
			p.gap = string(value) == "gap"
		}
	case 'i':
		if value, ok := field(line, "id"); ok {
			p.id = append(p.id[:0], value...)
		}
	case 'r':
		if value, ok := field(line, "retry"); ok {
			if ms, err := strconv.Atoi(string(value)); err == nil && ms >= 0 {
				p.retry = time.Duration(ms) * time.Millisecond
			}
		}
	case ':':
		p.full = string(line) == ": full"
	}
}

// dataField is what precedes the data in an envelope. Stamped data needs no escapes in JSON.
var dataField = []byte(`"data":"`)

// unwrap returns the data of an event in an envelope, and other data as it is.
func unwrap(value []byte) []byte {
	if len(value) == 0 || value[0] != '{' {
		return value
	}
	_, data, _ := bytes.Cut(value, dataField)
	return data
}

// field is the value of line if its name is name.
func field(line []byte, name string) (value []byte, ok bool) {
	if len(line) < len(name) || string(line[:len(name)]) != name {
		return nil, false
	}
	value = line[len(name):]
	if len(value) == 0 {
		return value, true
	}
	if value[0] != ':' {
		return nil, false
	}
	if value = value[1:]; len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	return value, true
}

// dispatch ends a block. An id counts even without data.
func (p *parser) dispatch(event func(s Stamp, stamped bool)) {
	p.fell = p.rising && p.hasData && !below(p.lastID, p.id)
	p.lastID = append(p.lastID[:0], p.id...)
	if p.hasData {
		event(p.stamp, p.stamped)
		p.hasData, p.stamped = false, false
	}
	p.gap = false
}

// below compares two ids of the form <ms>-<sequence>, numbers without leading zeros. Every id is above an empty one.
func below(a, b []byte) bool {
	aMs, aSequence, _ := bytes.Cut(a, []byte("-"))
	bMs, bSequence, _ := bytes.Cut(b, []byte("-"))
	if order := compareDigits(aMs, bMs); order != 0 {
		return order < 0
	}
	return compareDigits(aSequence, bSequence) < 0
}

func compareDigits(a, b []byte) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return bytes.Compare(a, b)
}
