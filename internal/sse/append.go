package sse

import (
	"strconv"
	"strings"
	"time"
)

// Append appends e to dst as one block and returns the longer slice: id:,
// event:, a data: line for each line of e.Data, and the empty line that
// dispatches it. It allocates nothing if dst has room.
//
// It does not check UTF-8: browsers read invalid bytes as U+FFFD.
func Append(dst []byte, e Event) []byte {
	dst = appendID(dst, e.ID)
	if e.Type != (Line{}) {
		dst = appendField(dst, "event", e.Type.text)
	}
	dst = appendData(dst, e.Data)
	return append(dst, '\n')
}

// AppendHead appends the first block of a stream to dst and returns the longer
// slice:
//
//	retry: 2417
//	: iris-broadcast
//	id: 1763676000000-3
//
// retry is how long a client waits before it reconnects, written in whole
// milliseconds, rounded down; less than zero is zero. A zero comment and a zero
// id are left out. The block has no data, so it dispatches nothing, but it sets
// the client's last event ID ("Interpreting an event stream", dispatch, step 1):
// a client that is cut off before its first event can resume too.
func AppendHead(dst []byte, retry time.Duration, comment, id Line) []byte {
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, max(retry, 0).Milliseconds(), 10)
	dst = append(dst, '\n')
	if comment != (Line{}) {
		dst = appendField(dst, "", comment.text)
	}
	dst = appendID(dst, id)
	return append(dst, '\n')
}

// AppendComment appends a comment line and an empty line to dst and returns the
// longer slice. Clients ignore it; proxies see that the connection is alive, for
// which the standard advises one every 15 seconds or so ("Authoring notes").
func AppendComment(dst []byte, comment Line) []byte {
	dst = appendField(dst, "", comment.text)
	return append(dst, '\n')
}

// appendID leaves a zero id out. An "id:" line without a value would make the
// client forget its last ID.
func appendID(dst []byte, id Line) []byte {
	if id == (Line{}) {
		return dst
	}
	return appendField(dst, "id", id.text)
}

// appendData appends a data: line for each line of data, and one for empty data:
// a block without a data: line would dispatch nothing.
func appendData(dst []byte, data string) []byte {
	// IndexAny searches for a single byte with vector instructions, but for either
	// of two byte by byte; and most data has no CR.
	breaks := "\n"
	if strings.Contains(data, "\r") {
		breaks = "\r\n"
	}
	for {
		end := strings.IndexAny(data, breaks)
		if end < 0 {
			return appendField(dst, "data", data)
		}
		dst = appendField(dst, "data", data[:end])
		if strings.HasPrefix(data[end:], "\r\n") {
			end++
		}
		data = data[end+1:]
	}
}

// appendField appends one line; a field without a name is a comment. The space
// after the colon is always written: a client removes one, and so keeps a value's
// own leading spaces. The value must not contain CR or LF.
func appendField(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, '\n')
}
