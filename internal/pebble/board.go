package pebble

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"slices"

	lsm "github.com/cockroachdb/pebble/v2"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/stream"
)

// The comment board, kept in the same database and changed in the same commits as the events:
//
//	c id              the comment as JSON
//	k place id        empty: the list in its order, see rank
//	l id 0 visitor    empty: the visitor likes the comment
//	m                 how many comments there are

func keyOfComment(id string) []byte { return append([]byte{commentKey}, id...) }

func keyOfLike(id string, visitor board.Visitor) []byte {
	return append(append(append([]byte{likeKey}, id...), 0), visitor...)
}

// rank is the key of a comment's place: by likes, then newest first, then by id.
func rank(c board.Comment) []byte {
	key := binary.BigEndian.AppendUint64([]byte{rankKey}, math.MaxUint64-uint64(c.Likes))
	key = binary.BigEndian.AppendUint64(key, math.MaxUint64-uint64(c.CreatedAt.UnixNano()))
	return append(key, c.ID...)
}

// placeSize is the length of a rank before the comment's id.
const placeSize = 1 + 8 + 8

// get returns a copy of a key's value, nil if there is none.
func get(db *lsm.DB, key []byte) (value []byte, err error) {
	found, closer, err := db.Get(key)
	if errors.Is(err, lsm.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	value = append([]byte{}, found...)
	return value, closer.Close()
}

func parseComment(value []byte) (c board.Comment, err error) {
	if json.Unmarshal(value, &c) != nil {
		return c, errDamaged
	}
	return c, nil
}

// put writes a comment and its place.
func put(b *lsm.Batch, c board.Comment) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_ = b.Set(rank(c), nil, nil)
	return b.Set(keyOfComment(c.ID), text, nil)
}

// AddComment implements board.Store.
func (s *Store) AddComment(ctx context.Context, c board.Comment) error {
	_, err := s.change(ctx, func(b *lsm.Batch) ([]stream.Event, error) {
		value, err := get(s.db, []byte{totalKey})
		if err != nil {
			return nil, s.unreadable(err)
		}
		total, _ := binary.Uvarint(value)
		_ = b.Set([]byte{totalKey}, binary.AppendUvarint(nil, total+1), nil)
		return []stream.Event{board.Commented(c)}, put(b, c)
	})
	return err
}

// SetLike implements board.Store.
func (s *Store) SetLike(ctx context.Context, id string, visitor board.Visitor, like bool) (likes int, err error) {
	_, err = s.change(ctx, func(b *lsm.Batch) ([]stream.Event, error) {
		value, err := get(s.db, keyOfComment(id))
		if err != nil {
			return nil, s.unreadable(err)
		}
		if value == nil || id == "" {
			return nil, board.NoComment()
		}
		c, err := parseComment(value)
		if err != nil {
			return nil, s.unreadable(err)
		}
		liked, err := get(s.db, keyOfLike(id, visitor))
		if likes = c.Likes; err != nil || like == (liked != nil) {
			return nil, s.unreadable(err)
		}
		_ = b.Delete(rank(c), nil)
		if like {
			c.Likes++
			_ = b.Set(keyOfLike(id, visitor), nil, nil)
		} else {
			c.Likes--
			_ = b.Delete(keyOfLike(id, visitor), nil)
		}
		likes = c.Likes
		return []stream.Event{board.Liked(id, likes)}, put(b, c)
	})
	return likes, err
}

// List implements board.Store. All it shows is durable: it waits for changes that it sees but are not durable yet.
func (s *Store) List(ctx context.Context, visitor board.Visitor, limit, offset int) (list board.List, err error) {
	err = s.reread(ctx, func() error {
		v := &view{}
		if err := s.lookBetween(ctx, v, &list.Position); err != nil {
			return err
		}
		list.Comments = nil
		err := v.list(&list, visitor, limit, offset)
		return cmp.Or(err, v.close())
	})
	if err != nil {
		return board.List{}, err
	}
	return list, s.waitFor(ctx, list.Position)
}

// lookBetween opens a view between two changes, and sets the position that it shows. While the disk accepts no writes,
// a change may be in flight forever; the view then shows the durable position.
func (s *Store) lookBetween(ctx context.Context, v *view, position *stream.ID) error {
	if s.disk.writable() == nil {
		if err := s.hold(ctx); err != nil {
			return err
		}
		defer s.release()
		return s.look(ctx, v, func() { *position = s.ledger.Head() })
	}
	return s.look(ctx, v, func() { *position = s.head })
}

// waitFor waits until everything up to a position is durable.
func (s *Store) waitFor(ctx context.Context, position stream.ID) error {
	if head, _ := s.Head(ctx); !head.Less(position) || s.disk.writable() != nil {
		return nil
	}
	_, err := s.change(ctx, func(b *lsm.Batch) ([]stream.Event, error) { // durable only after everything before it
		return nil, b.LogData([]byte("wait"), nil)
	})
	return err
}

// list reads the requested part of the board.
func (v *view) list(list *board.List, visitor board.Visitor, limit, offset int) error {
	ranked, err := v.over(spanOf(rankKey))
	if err != nil {
		return err
	}
	rows, err := v.over(allKeys)
	if err != nil {
		ranked.Close()
		return err
	}
	find := func(key []byte) (value []byte, found bool) {
		if !rows.SeekGE(key) || !slices.Equal(rows.Key(), key) {
			return nil, false
		}
		return rows.Value(), true
	}
	value, _ := find([]byte{totalKey})
	total, _ := binary.Uvarint(value)
	list.Total = int(total)
	for ok := ranked.First(); ok && err == nil && len(list.Comments) < limit; ok = ranked.Next() {
		if offset > 0 {
			offset--
			continue
		}
		value, found := find(keyOfComment(string(ranked.Key()[placeSize:])))
		if !found { // it was damaged
			continue
		}
		var c board.Comment
		c, err = parseComment(value)
		_, liked := find(keyOfLike(c.ID, visitor))
		list.Comments = append(list.Comments, board.Listed{Comment: c, Liked: liked})
	}
	return errors.Join(err, rows.Error(), rows.Close(), ranked.Close())
}
