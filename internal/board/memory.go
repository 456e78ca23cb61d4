package board

import (
	"context"
	"slices"
	"strings"
	"sync"

	"iris-broadcast/internal/stream"
)

// Memory is a Store that lives and dies with the process.
type Memory struct {
	log stream.Log

	mu       sync.Mutex // held over Append, so that rows and events change together; readers wait for it too
	comments map[string]*row
	ranked   []*row // by likes, then newest first
}

type row struct {
	Comment
	likers map[Visitor]bool
}

// NewMemory is an empty board, whose events go to log.
func NewMemory(log stream.Log) *Memory {
	return &Memory{log: log, comments: map[string]*row{}}
}

// Add implements Store.
func (m *Memory) Add(ctx context.Context, c Comment) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.log.Append(ctx, Commented(c)); err != nil {
		return err
	}
	r := &row{Comment: c, likers: map[Visitor]bool{}}
	m.comments[c.ID] = r
	m.rank(r)
	return nil
}

// SetLike implements Store.
func (m *Memory) SetLike(ctx context.Context, id string, visitor Visitor, like bool) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.comments[id]
	if r == nil {
		return 0, NoComment()
	}
	if r.likers[visitor] == like {
		return r.Likes, nil
	}
	likes := r.Likes + 1
	if !like {
		likes = r.Likes - 1
	}
	if _, err := m.log.Append(ctx, Liked(id, likes)); err != nil {
		return 0, err
	}
	m.unrank(r)
	if r.Likes = likes; like {
		r.likers[visitor] = true
	} else {
		delete(r.likers, visitor)
	}
	m.rank(r)
	return likes, nil
}

// List implements Store.
func (m *Memory) List(ctx context.Context, visitor Visitor, limit, offset int) (List, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	position, err := m.log.Head(ctx)
	if err != nil {
		return List{}, err
	}
	list := List{Total: len(m.ranked), Position: position}
	from := min(offset, len(m.ranked))
	for _, r := range m.ranked[from:min(from+limit, len(m.ranked))] {
		list.Comments = append(list.Comments, Listed{r.Comment, r.likers[visitor]})
	}
	return list, nil
}

// place is where r stands, or would stand, among the ranked.
func (m *Memory) place(r *row) (int, bool) {
	return slices.BinarySearchFunc(m.ranked, r, func(a, b *row) int { return Compare(a.Comment, b.Comment) })
}

func (m *Memory) rank(r *row) {
	i, _ := m.place(r)
	m.ranked = slices.Insert(m.ranked, i, r)
}

func (m *Memory) unrank(r *row) {
	if i, found := m.place(r); found {
		m.ranked = slices.Delete(m.ranked, i, i+1)
	}
}

// Compare is the board's order: by likes, then newest first; what is equal in both by id.
func Compare(a, b Comment) int {
	if a.Likes != b.Likes {
		return b.Likes - a.Likes
	}
	if order := b.CreatedAt.Compare(a.CreatedAt); order != 0 {
		return order
	}
	return strings.Compare(a.ID, b.ID)
}
