package pebble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	lsm "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"iris-broadcast/internal/stream"
)

// Import builds a store from events that have IDs, in rising order, and puts it in place of an empty or missing store.
// next returns one event after the other, then io.EOF. Either all of them are imported or nothing changes. Positions
// from before the import are unknown to the new store, and its new IDs are above all imported ones.
func Import(
	ctx context.Context, store string, next func() (stream.Event, error), progress Progress,
) (sum Summary, err error) {
	p, err := takePlace(store)
	if err != nil {
		return sum, err
	}
	defer p.release()
	head, err := p.blank()
	if err != nil {
		return sum, err
	}
	d, err := newDraft(vfs.Default, p.store+importing)
	if err != nil {
		return sum, err
	}
	err = load(ctx, d.dir, head.Max(stream.IDAt(time.Now())), next)
	if err == nil {
		var found []finding
		if sum, found, err = check(ctx, vfs.Default, d.dir, progress); err == nil && len(found) > 0 {
			err = fmt.Errorf("the imported events cannot be read back (%v)", found[0])
		}
	}
	if err != nil {
		return sum, errors.Join(err, d.discard())
	}
	before, err := p.put(d)
	if err == nil && before != "" {
		err = os.RemoveAll(before) // it is empty
	}
	return sum, err
}

// blank returns the head of a store without any events or comments, and an error if it has some.
func (p *place) blank() (head stream.ID, err error) {
	if p.folder == nil || present(vfs.Default, p.store) != nil {
		return head, nil
	}
	s, err := look(vfs.Default, p.store)
	if err != nil {
		return head, err
	}
	comments := 0
	err = s.each(spanOf(commentKey), func([]byte, []byte) error {
		comments++
		return nil
	})
	if err = errors.Join(err, s.db.Close()); err == nil && s.ledger.Topics()+comments > 0 {
		err = fmt.Errorf("the store %s has events or comments already; import into a new one with -store pebble:DIR",
			p.store)
	}
	return s.head, err
}

// loader fills a new store.
type loader struct {
	chunk
	accounts accounts
	last     stream.ID
	scratch
}

// load builds a store from events. Its head is the last of them, or least if that is higher.
func load(ctx context.Context, dir string, least stream.ID, next func() (stream.Event, error)) error {
	a, err := openAlone(dir, false) // all is flushed at the end, or discarded
	if err != nil {
		return explain(dir, err)
	}
	err = a.do(ctx, func() error {
		l := &loader{chunk: chunk{a.db, a.db.NewBatch()}, accounts: accounts{}}
		err := l.all(ctx, least, next)
		if err == nil {
			err = a.db.Flush()
		}
		return errors.Join(err, a.db.Close())
	})
	if noSpace(err) {
		err = fmt.Errorf("the disk of %s is too full for all events, and nothing has changed; free some space (%w)",
			dir, err)
	}
	return err
}

func (l *loader) all(ctx context.Context, least stream.ID, next func() (stream.Event, error)) error {
	for {
		e, err := next()
		if err == nil {
			err = ctx.Err()
		}
		if errors.Is(err, io.EOF) {
			return l.finish(least.Max(l.last))
		}
		if err == nil {
			err = l.add(e)
		}
		if err != nil {
			return err
		}
	}
}

func (l *loader) add(e stream.Event) error {
	if !l.last.Less(e.ID) {
		return fmt.Errorf("the event %v is not above %v", e.ID, l.last)
	}
	l.last = e.ID
	size := stream.Size(e)
	l.accounts.add(e.Topic, e.ID, size)
	l.setEvent(l.batch, e, size)
	return l.do(nil)
}

// finish writes the topics' records and the log's state.
func (l *loader) finish(head stream.ID) error {
	for _, a := range l.accounts {
		if err := l.do(l.batch.Set(keyOfRecord(nil, a.Topic), appendRecord(nil, a), nil)); err != nil {
			return err
		}
	}
	_ = l.batch.Set([]byte{stateKey}, encodeState(head, head), nil)
	return l.batch.Commit(lsm.NoSync)
}
