package pebble

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"iris-broadcast/internal/stream"
)

// The layout. Numbers in keys are big-endian, so that keys sort like what they stand for. Topic names contain no zero
// byte.
//
//	e ID            an event: topic, type and data
//	t topic 0 ID    the same event in the index of its topic: its stream.Size
//	r topic         the topic's record, which saves a start from reading events
//	s               the layout's version, the head and the floor
//	v ID            a void that begins there: where it ends
//	x               present while something damaged is being set aside
//	c, k, l, m      the comment board, see board.go
const (
	eventKey   = 'e'
	topicKey   = 't'
	recordKey  = 'r'
	stateKey   = 's'
	voidKey    = 'v'
	mendingKey = 'x'
	commentKey = 'c'
	rankKey    = 'k'
	likeKey    = 'l'
	totalKey   = 'm'
)

const version = 1

// errDamaged means that the store holds something this package did not write.
var errDamaged = errors.New("the store's contents are not what was written")

// idSize is the length of an ID in keys and values.
const idSize = 16

func appendID(b []byte, id stream.ID) []byte {
	b = binary.BigEndian.AppendUint64(b, id.Ms)
	return binary.BigEndian.AppendUint64(b, id.Seq)
}

// parseID reads the ID at the end of b, which must be long enough.
func parseID(b []byte) stream.ID {
	b = b[len(b)-idSize:]
	return stream.ID{Ms: binary.BigEndian.Uint64(b), Seq: binary.BigEndian.Uint64(b[8:])}
}

func keyOfEvent(b []byte, id stream.ID) []byte { return appendID(append(b, eventKey), id) }

func keyInTopic(b []byte, t stream.Topic, id stream.ID) []byte {
	return appendID(append(append(append(b, topicKey), t.String()...), 0), id)
}

func keyOfRecord(b []byte, t stream.Topic) []byte { return append(append(b, recordKey), t.String()...) }

func keyOfVoid(id stream.ID) []byte { return appendID([]byte{voidKey}, id) }

// spanOf covers all keys of a kind.
func spanOf(kind byte) keySpan { return keySpan{[]byte{kind}, []byte{kind + 1}} }

// inTopic covers a topic's index.
func inTopic(t stream.Topic) keySpan {
	from := append(append([]byte{topicKey}, t.String()...), 0)
	to := append([]byte(nil), from...)
	to[len(to)-1] = 1
	return keySpan{from, to}
}

// appendEvent appends an event's value: the lengths of topic and type, and the three texts.
func appendEvent(b []byte, e stream.Event) []byte {
	b = binary.AppendUvarint(b, uint64(len(e.Topic.String())))
	b = append(b, e.Topic.String()...)
	b = append(b, byte(len(e.Type.String())))
	b = append(b, e.Type.String()...)
	return append(b, e.Data...)
}

// stored is an event's value, parsed in place.
type stored struct{ topic, kind, data []byte }

func parseStored(b []byte) (s stored, err error) {
	length, n := binary.Uvarint(b)
	if n <= 0 || length >= uint64(len(b)-n) {
		return s, errDamaged
	}
	s.topic, b = b[n:n+int(length)], b[n+int(length):]
	if int(b[0]) >= len(b) {
		return s, errDamaged
	}
	s.kind, s.data = b[1:1+b[0]], b[1+b[0]:]
	return s, nil
}

// size is the event's stream.Size.
func (s stored) size() int64 {
	return stream.Size(stream.Event{}) + int64(len(s.topic)+len(s.kind)+len(s.data))
}

// event returns a copy, checked again: a damaged store yields no invalid event.
func (s stored) event(id stream.ID) (e stream.Event, err error) {
	e = stream.Event{ID: id, Data: string(s.data)}
	var typeErr error
	e.Topic, err = stream.ParseTopic(string(s.topic))
	e.Type, typeErr = stream.ParseType(string(s.kind))
	if err != nil || typeErr != nil || !utf8.ValidString(e.Data) {
		return stream.Event{}, errDamaged
	}
	return e, nil
}

// appendRecord appends a topic's record: count, bytes, newest and highest removed ID.
func appendRecord(b []byte, a *stream.Account) []byte {
	b = binary.AppendUvarint(b, uint64(a.Count))
	b = binary.AppendUvarint(b, uint64(a.Bytes))
	return appendID(appendID(b, a.Newest), a.Removed)
}

func parseRecord(name string, b []byte) (a stream.Account, removed stream.ID, err error) {
	a.Topic, err = stream.ParseTopic(name)
	count, n := binary.Uvarint(b)
	if err != nil || n <= 0 {
		return a, removed, errDamaged
	}
	bytes, m := binary.Uvarint(b[n:])
	if m <= 0 || len(b) != n+m+2*idSize || count == 0 {
		return a, removed, errDamaged
	}
	a.Count, a.Bytes, a.Newest, removed = int(count), int64(bytes), parseID(b[:n+m+idSize]), parseID(b)
	if a.Count < 1 || a.Bytes < 1 || !removed.Less(a.Newest) {
		return a, removed, errDamaged
	}
	return a, removed, nil
}

func encodeState(head, floor stream.ID) []byte {
	return appendID(appendID([]byte{version}, head), floor)
}

func parseState(b []byte) (head, floor stream.ID, err error) {
	switch {
	case len(b) > 0 && b[0] != version:
		return head, floor, errVersion
	case len(b) != 1+2*idSize:
		return head, floor, errDamaged
	}
	return parseID(b[:1+idSize]), parseID(b), nil
}
