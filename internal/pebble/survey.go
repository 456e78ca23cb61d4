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

// Summary is what a store holds, in numbers.
type Summary struct {
	Events, Topics, Comments int
	Head                     stream.ID // the newest event's ID, or where the log begins
	Bytes                    int64     // of all files
}

// Check reads all of a folder that nobody changes, and changes nothing. It returns what the store holds, and a sentence
// for each piece of damage. An error means that it could not be checked.
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
		return sum, found, err // with damaged tables, comparing makes no sense
	}
	s, err := look(files, dir)
	if isDamage(err) {
		return sum, append(found, finding{"(the index)", "The topics' records cannot be read.", err}), nil
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
	return errors.Is(err, errDamaged) || lsm.IsCorruptionError(err)
}

// survey compares the events with the index and the records.
type survey struct {
	s             *Store
	ctx           context.Context
	progress      Progress
	sum           Summary
	events, index map[string]*tally // by topic
	found         []finding
}

// tally sums up events of a topic. Equal tallies are of the same events.
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

// report adds a mismatch, up to as many as anybody would read.
func (v *survey) report(format string, args ...any) {
	if len(v.found) < 20 {
		v.found = append(v.found, finding{"(the index)", fmt.Sprintf(format, args...), errDamaged})
	}
}

// compare looks for mismatches between the events, the topics' index and their records.
func (v *survey) compare() error {
	for name, kept := range v.events {
		if indexed := v.index[name]; indexed == nil || *indexed != *kept {
			v.report("The index of the topic %s does not match its %d events.", name, kept.count)
		}
		if topic, err := stream.ParseTopic(name); err != nil || v.s.ledger.Account(topic) == nil {
			v.report("The topic %s has no record, but %d events.", name, kept.count)
		}
	}
	for a := range v.s.ledger.Accounts("") {
		v.sum.Topics++
		kept := of(v.events, []byte(a.Topic.String()))
		if a.Count != kept.count || a.Bytes != kept.bytes || a.Newest != kept.newest {
			v.report("The topic %v has %d events, the newest %v; its record says %d, the newest %v.",
				a.Topic, kept.count, kept.newest, a.Count, a.Newest)
		}
	}
	for name, indexed := range v.index {
		if v.events[name] == nil {
			v.report("The index of the topic %s has %d events, but none is stored.", name, indexed.count)
		}
	}
	if v.s.head.Less(v.s.ledger.Floor()) {
		v.report("The log begins at %v, above its head %v.", v.s.ledger.Floor(), v.s.head)
	}
	return nil
}

// board looks for mismatches between the comments, their places and their total.
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
	value, err := get(v.s.db, []byte{totalKey})
	if total, _ := binary.Uvarint(value); err == nil && (int(total) != v.sum.Comments || ranked != v.sum.Comments) {
		v.report("The board has %d comments and %d places; its total says %d.", v.sum.Comments, ranked, total)
	}
	return err
}
