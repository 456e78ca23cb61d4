package sse

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"time"
)

// MaxBytes bounds what a Reader holds of one event: the line that it is reading
// plus the data of the lines before it, in bytes. There may be any number of
// comments and blocks, as long as no single line is too long.
const MaxBytes = 8 << 20

// ErrTooLong is what Next returns if a line or an event exceeds MaxBytes.
var ErrTooLong = fmt.Errorf("sse: an event exceeds %d bytes", MaxBytes)

// maxRetry is the most whole milliseconds that fit in a time.Duration.
const maxRetry = math.MaxInt64 / int64(time.Millisecond)

var byteOrderMark = []byte("\uFEFF")

// Reader reads an event stream as defined in the standard's "Parsing an event
// stream" and "Interpreting an event stream", with one exception: bytes that are
// not valid UTF-8 are passed on as they are, where a browser puts U+FFFD.
//
// It is not safe for concurrent use.
type Reader struct {
	in     *bufio.Reader
	err    error  // what ended the stream: Next returns it from then on
	begun  bool   // the first line has been read, so a byte order mark is text
	skipLF bool   // the last line ended in CR: an LF right after belongs to it
	line   []byte // the line being read

	// The buffers of the standard, filled field by field until a block ends.
	id   string // outlives its block
	typ  string
	data []byte // each line with LF after it

	// What a client needs when it reconnects.
	lastID string // id, as of the end of the last block
	retry  time.Duration
}

// NewReader returns a Reader of the stream r. It reads ahead: it may consume more
// of r than Next has returned.
func NewReader(r io.Reader) *Reader { return &Reader{in: bufio.NewReader(r)} }

// Next returns the next event as soon as its empty line has been read, and waits
// for nothing after it. At the end of the stream it returns io.EOF, and an event
// without its empty line is discarded, as the standard requires. Other errors are
// ErrTooLong and those of the underlying reader. Errors are permanent.
func (r *Reader) Next() (Message, error) {
	for r.err == nil {
		if r.err = r.readLine(); r.err != nil {
			break
		}
		if len(r.line) > 0 {
			r.interpret(r.line)
		} else if m, ok := r.dispatch(); ok {
			return m, nil
		}
	}
	return Message{}, r.err
}

// LastEventID is what a client sends as Last-Event-ID when it reconnects: the
// newest ID of a finished block, even one without data; "" if there is none.
func (r *Reader) LastEventID() string { return r.lastID }

// Retry is the last reconnection time that was sent, in whole milliseconds, 0 if
// none was. Times that do not fit in a time.Duration become the longest that does.
func (r *Reader) Retry() time.Duration { return r.retry }

// readLine reads the next line into r.line, without its end: CR, LF or CRLF.
func (r *Reader) readLine() error {
	r.line = r.line[:0]
	for {
		if _, err := r.in.Peek(1); err != nil {
			return err
		}
		// Only what has arrived: waiting for a whole buffer, or for the LF that may
		// follow a CR, could hold an event back for hours.
		here, _ := r.in.Peek(r.in.Buffered())
		if r.skipLF {
			r.skipLF = false
			if here[0] == '\n' {
				r.in.Discard(1)
				continue
			}
		}
		end := lineEnd(here)
		ended := end < len(here)
		if len(r.data)+len(r.line)+end > MaxBytes {
			return ErrTooLong
		}
		r.line = append(r.line, here[:end]...)
		if !ended {
			r.in.Discard(end)
			continue
		}
		r.skipLF = here[end] == '\r'
		r.in.Discard(end + 1)
		r.dropByteOrderMark()
		return nil
	}
}

// lineEnd is the index of the first CR or LF in b, len(b) if there is none.
func lineEnd(b []byte) int {
	// Two searches for one byte are faster than one IndexAny for either. Searching
	// the rest for an LF after each CR costs little: b is a buffer of a few KiB.
	if lf := bytes.IndexByte(b, '\n'); lf >= 0 {
		b = b[:lf]
	}
	if cr := bytes.IndexByte(b, '\r'); cr >= 0 {
		b = b[:cr]
	}
	return len(b)
}

// dropByteOrderMark removes one from the head of the stream, as the standard's
// "UTF-8 decode" does.
func (r *Reader) dropByteOrderMark() {
	if !r.begun {
		r.line = bytes.TrimPrefix(r.line, byteOrderMark)
	}
	r.begun = true
}

// interpret handles one line that is not empty. It ignores unknown fields, and so
// comments, whose field name is empty.
func (r *Reader) interpret(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "event":
		r.typ = string(value)
	case "data":
		r.data = append(r.data, value...)
		r.data = append(r.data, '\n')
	case "id":
		if !bytes.Contains(value, []byte("\x00")) {
			r.id = string(value)
		}
	case "retry":
		if d, ok := parseRetry(value); ok {
			r.retry = d
		}
	}
}

// dispatch ends a block. A block without a data line is no event, but its id
// counts all the same.
func (r *Reader) dispatch() (m Message, ok bool) {
	r.lastID = r.id
	if len(r.data) > 0 {
		data := r.data[:len(r.data)-1] // without the LF after the last line
		m, ok = Message{ID: r.id, Type: r.typ, Data: string(data)}, true
	}
	r.typ, r.data = "", r.data[:0]
	return m, ok
}

// parseRetry reads whole milliseconds: ASCII digits and nothing else, at least one.
func parseRetry(value []byte) (d time.Duration, ok bool) {
	var ms int64
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		ms = min(ms*10+int64(c-'0'), maxRetry)
	}
	return time.Duration(ms) * time.Millisecond, len(value) > 0
}
