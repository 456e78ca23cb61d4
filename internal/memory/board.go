package memory

import (
	"context"
	"slices"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/stream"
)

// row is a comment and the visitors who like it.
type row struct {
	board.Comment
	likers map[board.Visitor]bool
}

// AddComment implements board.Store.
func (s *Store) AddComment(ctx context.Context, c board.Comment) error {
	return s.change(ctx, func() error {
		if err := s.append([]stream.Event{board.Commented(c)}); err != nil {
			return err
		}
		r := &row{Comment: c, likers: map[board.Visitor]bool{}}
		s.comments[c.ID] = r
		s.rank(r)
		return nil
	})
}

// SetLike implements board.Store.
func (s *Store) SetLike(ctx context.Context, id string, visitor board.Visitor, like bool) (likes int, err error) {
	err = s.change(ctx, func() error {
		r := s.comments[id]
		if r == nil {
			return board.NoComment()
		}
		likes = r.Likes
		if r.likers[visitor] == like {
			return nil
		}
		if likes++; !like {
			likes -= 2
		}
		if err := s.append([]stream.Event{board.Liked(id, likes)}); err != nil {
			return err
		}
		s.unrank(r)
		if r.Likes = likes; like {
			r.likers[visitor] = true
		} else {
			delete(r.likers, visitor)
		}
		s.rank(r)
		return nil
	})
	return likes, err
}

// List implements board.Store.
func (s *Store) List(_ context.Context, visitor board.Visitor, limit, offset int) (board.List, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := board.List{Total: len(s.ranked), Position: s.ledger.Head()}
	from := min(offset, len(s.ranked))
	for _, r := range s.ranked[from:min(from+limit, len(s.ranked))] {
		list.Comments = append(list.Comments, board.Listed{Comment: r.Comment, Liked: r.likers[visitor]})
	}
	return list, nil
}

// place is the index of r, or where it belongs, among the ranked.
func (s *Store) place(r *row) (int, bool) {
	return slices.BinarySearchFunc(s.ranked, r, func(a, b *row) int { return board.Compare(a.Comment, b.Comment) })
}

func (s *Store) rank(r *row) {
	i, _ := s.place(r)
	s.ranked = slices.Insert(s.ranked, i, r)
}

func (s *Store) unrank(r *row) {
	if i, found := s.place(r); found {
		s.ranked = slices.Delete(s.ranked, i, i+1)
	}
}
