package bolt

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"

	"go.etcd.io/bbolt"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/stream"
)

// The comment board beside the events, in the same file and the same commits:
//
//	comments  id -> the comment as JSON
//	ranking   place (see rank) -> nothing, so that a list needs no sorting
//	likes     id, 0, visitor -> nothing
//	meta      "comments" -> how many there are (8 bytes)
var (
	commentsBucket = []byte("comments")
	rankingBucket  = []byte("ranking")
	likesBucket    = []byte("likes")
	totalKey       = []byte("comments")
)

// rows are the board's buckets in one transaction.
type rows struct{ comments, ranking, likes, meta *bbolt.Bucket }

// openRows returns the board's buckets, which a transaction that writes makes if they are not there.
func openRows(tx *bbolt.Tx) (r rows, err error) {
	for name, to := range map[string]**bbolt.Bucket{
		string(commentsBucket): &r.comments, string(rankingBucket): &r.ranking, string(likesBucket): &r.likes, string(metaBucket): &r.meta,
	} {
		if *to = tx.Bucket([]byte(name)); *to == nil && tx.Writable() {
			if *to, err = tx.CreateBucket([]byte(name)); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

// rank is a comment's place: by likes, then newest first, then by id, as keys sort.
func rank(c board.Comment) []byte {
	key := binary.BigEndian.AppendUint64(nil, math.MaxUint64-uint64(c.Likes))
	key = binary.BigEndian.AppendUint64(key, math.MaxUint64-uint64(c.CreatedAt.UnixNano()))
	return append(key, c.ID...)
}

func likeKey(id string, visitor board.Visitor) []byte {
	return append(append([]byte(id), 0), visitor...)
}

func (r rows) get(id string) (c board.Comment, found bool, err error) {
	if r.comments == nil || id == "" {
		return c, false, nil
	}
	text := r.comments.Get([]byte(id))
	if text == nil {
		return c, false, nil
	}
	if json.Unmarshal(text, &c) != nil {
		return c, false, errDamaged
	}
	return c, true, nil
}

// put keeps a comment at its place.
func (r rows) put(c board.Comment) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := r.ranking.Put(rank(c), []byte{}); err != nil {
		return err
	}
	return r.comments.Put([]byte(c.ID), text)
}

func (r rows) total() uint64 {
	if b := r.meta.Get(totalKey); len(b) == 8 {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Add implements board.Store.
func (s *Store) Add(ctx context.Context, c board.Comment) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.do(ctx, &operation{apply: func(tx *bbolt.Tx) ([]stream.Event, error) {
		r, err := openRows(tx)
		if err != nil {
			return nil, err
		}
		if err := r.put(c); err != nil {
			return nil, err
		}
		if err := r.meta.Put(totalKey, binary.BigEndian.AppendUint64(nil, r.total()+1)); err != nil {
			return nil, err
		}
		return []stream.Event{board.Commented(c)}, nil
	}})
}

// SetLike implements board.Store.
func (s *Store) SetLike(ctx context.Context, id string, visitor board.Visitor, like bool) (likes int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if found, err := s.hasComment(id); err != nil || !found { // so that who asks for none does not hold up a commit
		return 0, cmp.Or(err, board.NoComment())
	}
	err = s.do(ctx, &operation{apply: func(tx *bbolt.Tx) ([]stream.Event, error) {
		r, err := openRows(tx)
		if err != nil {
			return nil, err
		}
		c, found, err := r.get(id)
		if err != nil || !found {
			return nil, cmp.Or(err, board.NoComment())
		}
		likes = c.Likes
		if liked := r.likes.Get(likeKey(id, visitor)) != nil; liked == like {
			return nil, nil
		}
		if err := r.setLike(&c, visitor, like); err != nil {
			return nil, err
		}
		likes = c.Likes
		return []stream.Event{board.Liked(id, likes)}, nil
	}})
	return likes, err
}

// setLike changes whether the visitor likes a comment, and with it the comment's place.
func (r rows) setLike(c *board.Comment, visitor board.Visitor, like bool) error {
	if err := r.ranking.Delete(rank(*c)); err != nil {
		return err
	}
	key := likeKey(c.ID, visitor)
	if like {
		c.Likes++
		if err := r.likes.Put(key, []byte{}); err != nil {
			return err
		}
	} else {
		c.Likes--
		if err := r.likes.Delete(key); err != nil {
			return err
		}
	}
	return r.put(*c)
}

func (s *Store) hasComment(id string) (found bool, err error) {
	err = s.view(func(*view) {}, func(v *view) error {
		r, err := openRows(v.tx)
		if err != nil {
			return err
		}
		_, found, err = r.get(id)
		return err
	})
	return found, err
}

// List implements board.Store. What it shows is durable: where the rows are of a transaction whose commit is still under
// way, it waits for that.
func (s *Store) List(ctx context.Context, visitor board.Visitor, limit, offset int) (list board.List, err error) {
	for {
		var ahead bool
		err := s.view(func(v *view) {}, func(v *view) error {
			ahead = v.ahead
			list, err = v.list(visitor, limit, offset)
			return err
		})
		if err != nil || !ahead {
			return list, err
		}
		if err := s.do(ctx, &operation{}); err != nil {
			return board.List{}, err
		}
		if head, _ := s.Head(ctx); !head.Less(list.Position) {
			return list, nil
		}
	}
}

// list reads the part of the board that is asked for.
func (v *view) list(visitor board.Visitor, limit, offset int) (board.List, error) {
	list := board.List{Position: v.state.head}
	if v.ahead {
		list.Position = v.aheadHead
	}
	r, err := openRows(v.tx)
	if err != nil || r.comments == nil {
		return list, err
	}
	list.Total = int(r.total())
	place := r.ranking.Cursor()
	key, _ := place.First()
	for ; key != nil && offset > 0; key, _ = place.Next() {
		offset--
	}
	for ; key != nil && len(list.Comments) < limit; key, _ = place.Next() {
		if len(key) <= 16 {
			return list, errDamaged
		}
		c, found, err := r.get(string(key[16:]))
		if err != nil || !found {
			return list, errDamaged
		}
		liked := visitor != "" && r.likes.Get(likeKey(c.ID, visitor)) != nil
		list.Comments = append(list.Comments, board.Listed{Comment: c, Liked: liked})
	}
	return list, nil
}
