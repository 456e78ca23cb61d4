package stream

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// maxShelf is how many accounts a shelf has at most: what a search costs besides a look at each shelf.
const maxShelf = 512

// catalog is all accounts sorted by topic name, on shelves: those with a common prefix lie together, and most can be
// skipped a shelf at a time.
type catalog struct{ shelves []*shelf }

// shelf is a run of consecutive accounts, never empty.
type shelf struct {
	accounts []*Account
	marks    // the highest of any account
}

// marks decide whether an account, or a whole shelf, can be skipped.
type marks struct {
	Newest  ID // the newest event
	Removed ID // the highest removed event
	removal ID // the moment of that removal, see Ledger.mark
}

func (m *marks) raise(to marks) {
	m.Newest = m.Newest.Max(to.Newest)
	m.Removed = m.Removed.Max(to.Removed)
	m.removal = m.removal.Max(to.removal)
}

// lost reports whether something after a position was removed, and after the moment told.
func (m *marks) lost(after, told ID) bool { return after.Less(m.Removed) && told.Less(m.removal) }

// place is the index of the shelf that has the name, or would have it.
func (c *catalog) place(name string) int {
	i, found := slices.BinarySearchFunc(c.shelves, name, func(s *shelf, name string) int {
		return cmp.Compare(s.accounts[0].Topic.name, name)
	})
	if !found && i > 0 {
		i--
	}
	return i
}

func (s *shelf) place(name string) (int, bool) {
	return slices.BinarySearchFunc(s.accounts, name, func(a *Account, name string) int {
		return cmp.Compare(a.Topic.name, name)
	})
}

// add puts an account on its shelf, and splits a full shelf.
func (c *catalog) add(a *Account) {
	if len(c.shelves) == 0 {
		c.shelves = []*shelf{{accounts: []*Account{a}}}
		c.shelves[0].refresh()
		return
	}
	at := c.place(a.Topic.name)
	s := c.shelves[at]
	i, _ := s.place(a.Topic.name)
	s.accounts = slices.Insert(s.accounts, i, a)
	a.shelf = s
	s.raise(a.marks)
	if len(s.accounts) < maxShelf {
		return
	}
	right := &shelf{accounts: slices.Clone(s.accounts[maxShelf/2:])}
	s.accounts = slices.Delete(s.accounts, maxShelf/2, maxShelf)
	c.shelves = slices.Insert(c.shelves, at+1, right)
	s.refresh()
	right.refresh()
}

func (c *catalog) remove(a *Account) {
	s := a.shelf
	if i, found := s.place(a.Topic.name); found {
		s.accounts = slices.Delete(s.accounts, i, i+1)
	}
	if s.refresh(); len(s.accounts) == 0 {
		c.shelves = slices.DeleteFunc(c.shelves, func(other *shelf) bool { return other == s })
	}
}

func (s *shelf) refresh() {
	s.marks = marks{}
	for _, a := range s.accounts {
		a.shelf = s
		s.raise(a.marks)
	}
}

// below calls visit with every account whose name begins with prefix, sorted by name, until it returns false. It skips
// shelves that pass rejects.
func (c *catalog) below(prefix string, pass func(*shelf) bool, visit func(*Account) bool) {
	if len(c.shelves) == 0 {
		return
	}
	for _, s := range c.shelves[c.place(prefix):] {
		if name := s.accounts[0].Topic.name; name > prefix && !strings.HasPrefix(name, prefix) {
			return
		}
		if !pass(s) {
			continue
		}
		for a := range s.below(prefix) {
			if !visit(a) {
				return
			}
		}
	}
}

// below yields the shelf's accounts whose names begin with prefix, sorted by name.
func (s *shelf) below(prefix string) iter.Seq[*Account] {
	return func(yield func(*Account) bool) {
		i, _ := s.place(prefix)
		for ; i < len(s.accounts) && strings.HasPrefix(s.accounts[i].Topic.name, prefix); i++ {
			if !yield(s.accounts[i]) {
				return
			}
		}
	}
}
