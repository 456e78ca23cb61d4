package bolt

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"go.etcd.io/bbolt"

	"iris-broadcast/internal/stream"
)

// The file's layout. Numbers are big-endian, so that keys sort as IDs do.
//
//	meta    "magic" -> magic, "version" -> one byte, "state" -> head and floor
//	index   topic's name -> its record, so that a start reads no events
//	topics  topic's name -> a bucket of its events: ID (16 bytes) -> type and data
const (
	magic   = "iris-broadcast events"
	version = 1
)

var (
	metaBucket   = []byte("meta")
	indexBucket  = []byte("index")
	topicsBucket = []byte("topics")

	magicKey   = []byte("magic")
	versionKey = []byte("version")
	stateKey   = []byte("state")
	fillerKey  = []byte("filler") // there for a moment while a full disk is tried again
)

// errDamaged says that something in the file is not as this package writes it.
var errDamaged = errors.New("what the file holds is not what was written to it")

// idSize is the length of an ID in the file.
const idSize = 16

// pageSize is the bytes of a page of a new file. Events are small, and a commit writes at least a page for each topic that it
// is about, so smaller pages than the system's make commits over many topics cheaper.
const pageSize = 1 << 10

func appendID(b []byte, id stream.ID) []byte {
	b = binary.BigEndian.AppendUint64(b, id.Ms)
	return binary.BigEndian.AppendUint64(b, id.Seq)
}

func idKey(id stream.ID) []byte { return appendID(make([]byte, 0, idSize), id) }

// parseID reads the ID that b begins with; b is long enough.
func parseID(b []byte) stream.ID {
	return stream.ID{Ms: binary.BigEndian.Uint64(b), Seq: binary.BigEndian.Uint64(b[8:])}
}

// state is what the whole log has beside its topics.
type state struct {
	head  stream.ID
	floor stream.ID // the highest ID removed from a topic that is forgotten

	// Not in the file: they count from 1 at each start.
	removals   uint64 // counts what is removed, so that a Page can tell what was since another
	floorStamp uint64 // removals when floor rose last
}

func (s state) encode() []byte { return appendID(idKey(s.head), s.floor) }

func parseState(b []byte) (state, error) {
	if len(b) != 2*idSize {
		return state{}, errDamaged
	}
	return state{head: parseID(b), floor: parseID(b[idSize:]), removals: 1, floorStamp: 1}, nil
}

// record is what is known of a topic without reading its events.
type record struct {
	count   int
	bytes   int64     // as stream.Size counts
	oldest  stream.ID // of what is kept
	newest  stream.ID // of what is kept
	removed stream.ID // the highest that was removed
	stamp   uint64    // state.removals then; not in the file
}

const recordSize = 2*8 + 3*idSize

func (r record) encode() []byte {
	b := make([]byte, 0, recordSize)
	b = binary.BigEndian.AppendUint64(b, uint64(r.count))
	b = binary.BigEndian.AppendUint64(b, uint64(r.bytes))
	return appendID(appendID(appendID(b, r.oldest), r.newest), r.removed)
}

func parseRecord(b []byte, head stream.ID) (record, error) {
	if len(b) != recordSize {
		return record{}, errDamaged
	}
	r := record{
		count:   int(binary.BigEndian.Uint64(b)),
		bytes:   int64(binary.BigEndian.Uint64(b[8:])),
		oldest:  parseID(b[16:]),
		newest:  parseID(b[16+idSize:]),
		removed: parseID(b[16+2*idSize:]),
		stamp:   1,
	}
	if r.count < 1 || r.bytes < 1 || !r.removed.Less(r.oldest) || r.newest.Less(r.oldest) || head.Less(r.newest) {
		return record{}, errDamaged
	}
	return r, nil
}

// encodeEvent is an event's value: the length of its type (one byte, at most 64; higher ones are free for a later
// layout), the type, the data. The ID is the key, the topic is the bucket.
func encodeEvent(e stream.Event) []byte {
	name := e.Type.String()
	b := make([]byte, 0, 1+len(name)+len(e.Data))
	b = append(b, byte(len(name)))
	b = append(b, name...)
	return append(b, e.Data...)
}

// sizeOf is the stream.Size of an event with that value.
func sizeOf(topic stream.Topic, value []byte) int64 {
	return stream.Size(stream.Event{Topic: topic}) + int64(len(value)-1)
}

// parseEvent reads a value. It lets nothing pass that an event must not be, whatever has become of the file.
func parseEvent(topic stream.Topic, id stream.ID, value []byte) (stream.Event, error) {
	if len(value) == 0 || len(value) <= int(value[0]) {
		return stream.Event{}, errDamaged
	}
	name, data := value[1:1+value[0]], value[1+value[0]:]
	e := stream.Event{ID: id, Topic: topic, Data: string(data)}
	var err error
	if e.Type, err = stream.ParseType(string(name)); err != nil || !utf8.ValidString(e.Data) {
		return stream.Event{}, errDamaged
	}
	return e, nil
}

// create makes the buckets of a new file.
func create(tx *bbolt.Tx) error {
	for _, name := range [][]byte{metaBucket, indexBucket, topicsBucket} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(metaBucket)
	return errors.Join(
		meta.Put(magicKey, []byte(magic)),
		meta.Put(versionKey, []byte{version}),
		meta.Put(stateKey, state{}.encode()))
}
