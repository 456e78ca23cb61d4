package pebble

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"iris-broadcast/internal/stream"
)

// Summary is what a store holds.
type Summary struct {
	Events, Topics, Comments int
	Head                     stream.ID // of the newest event, or the position where the log began
	Bytes                    int64     // of the files
}

// Check reads all of a folder that nobody changes, and changes nothing. It gives what it holds, and a sentence for each
// thing that is damaged; an error says why it could not be checked.
func Check(ctx context.Context, dir string, progress Progress) (sum Summary, damaged []string, err error) {
	sum, found, err := check(ctx, vfs.Default, dir, progress)
	for _, f := range found {
		damaged = append(damaged, f.String())
	}
	return sum, damaged, err
}

func check(ctx context.Context, files vfs.FS, dir string, progress Progress) (sum Summary, found []finding, err error) {
	files = stoppable{files, ctx}
	if err := present(files, dir); err != nil {
		return sum, nil, err
	}
	found, err = checkDir(files, dir, func(done, total int64) { progress("checking", done, total) })
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return sum, nil, err
	}
	if _, sum.Bytes, err = filesOf(files, dir); err != nil || len(found) > 0 {
		return sum, found, err // what is above the tables makes no sense then
	}
	s, err := look(files, dir)
	if isDamage(err) {
		return sum, append(found, finding{"(the index)", "What is known of the topics cannot be read.", err}), nil
	}
	if err != nil {
		return sum, nil, err
	}
	v := &survey{s: s, ctx: ctx, progress: progress, events: map[string]*tally{}, index: map[string]*tally{}}
	err = errors.Join(guarded(v.all), s.db.Close())
	if isDamage(err) {
		return sum, append(v.found, finding{"(the index)", "Something in it cannot be read.", err}), nil
	}
	v.sum.Bytes, v.sum.Head = sum.Bytes, s.head
	return v.sum, v.found, err
}

func isDamage(err error) bool {
	_, found := errors.AsType[*damageError](err)
	return found || errors.Is(err, errDamaged) || lsm.IsCorruptionError(err)
}

// survey compares what is kept with what is known of it.
type survey struct {
	s             *Store
	ctx           context.Context
	progress      Progress
	sum           Summary
	events, index map[string]*tally // by topic
	found         []finding
}

// tally is some events of a topic. Two tallies are the same if they are of the same events.
type tally struct {
	count  int
	bytes  int64
	newest stream.ID
	mix    uint64 // of all IDs
}

func (t *tally) add(id stream.ID, size int64) {
	t.count++
	t.bytes += size
	t.newest = t.newest.Max(id)
	t.mix += bits.RotateLeft64(id.Ms*0x9E3779B97F4A7C15, 29) ^ id.Seq*0xC2B2AE3D27D4EB4F
}

func of(tallies map[string]*tally, topic []byte) *tally {
	t := tallies[string(topic)]
	if t == nil {
		t = &tally{}
		tallies[string(topic)] = t
	}
	return t
}

func (v *survey) all() error {
	for _, part := range []func() error{v.readEvents, v.readIndex, v.compare, v.board} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

func (v *survey) readEvents() error {
	var done, total int64
	for a := range v.s.ledger.Accounts("") {
		total += a.Bytes
	}
	return v.s.each(spanOf(eventKey), func(key, value []byte) error {
		kept, err := parseStored(value)
		if err != nil || len(key) != 1+idSize {
			return errDamaged
		}
		e, err := kept.event(parseID(key))
		if err != nil {
			return err
		}
		of(v.events, kept.topic).add(e.ID, kept.size())
		v.sum.Events++
		if done += kept.size(); v.sum.Events%1024 == 0 {
			v.progress("reading", done, max(done, total))
			return v.ctx.Err()
		}
		return nil
	})
}

func (v *survey) readIndex() error {
	n := 0
	return v.s.each(spanOf(topicKey), func(key, value []byte) error {
		size, length := binary.Uvarint(value)
		name := key[1:max(1, len(key)-idSize)]
		if length <= 0 || !bytes.HasSuffix(name, []byte{0}) {
			return errDamaged
		}
		of(v.index, name[:len(name)-1]).add(parseID(key), int64(size))
		if n++; n%1024 == 0 {
			return v.ctx.Err()
		}
		return nil
	})
}

// report adds what does not agree, as long as it is worth reading.
func (v *survey) report(format string, args ...any) {
	if len(v.found) < 20 {
		v.found = append(v.found, finding{"(the index)", fmt.Sprintf(format, args...), errDamaged})
	}
}

// compare looks for differences between the events, the topics' index and what is known of the topics.
func (v *survey) compare() error {
	for name, kept := range v.events {
		if indexed := v.index[name]; indexed == nil || *indexed != *kept {
			v.report("Of the topic %s the index has others than the %d events that are kept.", name, kept.count)
		}
		if topic, err := stream.ParseTopic(name); err != nil || v.s.ledger.Account(topic) == nil {
			v.report("Nothing is known of the topic %s, of which %d events are kept.", name, kept.count)
		}
	}
	for a := range v.s.ledger.Accounts("") {
		v.sum.Topics++
		kept := of(v.events, []byte(a.Topic.String()))
		if a.Count != kept.count || a.Bytes != kept.bytes || a.Newest != kept.newest {
			v.report("Of the topic %v %d events are kept, the newest %v, where %d are to be, the newest %v.",
				a.Topic, kept.count, kept.newest, a.Count, a.Newest)
		}
	}
	for name, indexed := range v.index {
		if v.events[name] == nil {
			v.report("Of the topic %s the index has %d events, and none is kept.", name, indexed.count)
		}
	}
	if v.s.head.Less(v.s.ledger.Floor()) {
		v.report("The log begins at %v, above its head %v.", v.s.ledger.Floor(), v.s.head)
	}
	return nil
}

// board looks for differences between the comments, their places and their number.
func (v *survey) board() error {
	places := map[string]bool{}
	err := v.s.each(spanOf(rankKey), func(key, _ []byte) error {
		places[string(key)] = true
		return nil
	})
	if err != nil {
		return err
	}
	ranked := len(places)
	err = v.s.each(spanOf(commentKey), func(_, value []byte) error {
		c, err := parseComment(value)
		if err == nil && !places[string(rank(c))] {
			v.report("The comment %s has no place on the board.", c.ID)
		}
		v.sum.Comments++
		return err
	})
	if err != nil {
		return err
	}
	value, err := v.s.get([]byte{totalKey})
	if total, _ := binary.Uvarint(value); err == nil && (int(total) != v.sum.Comments || ranked != v.sum.Comments) {
		v.report("The board has %d comments and %d places, where %d are to be.", v.sum.Comments, ranked, total)
	}
	return err
}
