// Package board defines the comment board: what a comment is, and how likes are counted. A Store keeps it; package
// boardtest is the contract of every Store.
package board

import (
	"cmp"
	"context"
	"crypto/rand"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"iris-broadcast/internal/stream"
)

// Limits, in characters (runes) and comments.
const (
	MaxNickname = 50
	MaxContent  = 2000
	MaxComments = 1000 // in one list
)

// Comment is what a visitor wrote. Only its likes ever change.
type Comment struct {
	ID        string    `json:"id"` // random, 26 letters and digits
	Nickname  string    `json:"nickname"`
	Content   string    `json:"content"`
	Likes     int       `json:"likes"`
	CreatedAt time.Time `json:"created_at"` // UTC
}

// Visitor is a random token for one browser. It is never shown or sent to anyone else.
type Visitor string

// Listed is a comment as one visitor sees it.
type Listed struct {
	Comment
	Liked bool `json:"liked"` // by this visitor
}

// List is a part of the board at one moment: by likes, then newest first.
type List struct {
	Comments []Listed
	Total    int       // comments on the whole board
	Position stream.ID // the log's head at that moment: a stream from here misses nothing and repeats nothing
}

// Store keeps the board. A change and its event are one atomic step: others see both or neither. Safe for concurrent
// use. Errors: stream.NotFound for an unknown comment, and those of stream.Log.Append.
type Store interface {
	// AddComment stores a comment that New made, and appends Commented.
	AddComment(ctx context.Context, c Comment) error

	// SetLike sets whether the visitor likes the comment, and returns how many visitors do. It appends Liked if that
	// changes anything.
	SetLike(ctx context.Context, id string, visitor Visitor, like bool) (likes int, err error)

	// List returns up to limit comments (at most MaxComments) from offset on, as the visitor sees them.
	List(ctx context.Context, visitor Visitor, limit, offset int) (List, error)
}

// New makes a comment of what a visitor wrote, with surrounding space trimmed. No nickname means anonymous.
func New(nickname, content string, now time.Time) (Comment, error) {
	nickname, content = strings.TrimSpace(nickname), strings.TrimSpace(content)
	if nickname == "" {
		nickname = "anonymous"
	}
	switch {
	case !utf8.ValidString(nickname) || !utf8.ValidString(content):
		return Comment{}, stream.Errorf(stream.Invalid, "nickname and content are valid UTF-8.")
	case utf8.RuneCountInString(nickname) > MaxNickname || strings.ContainsFunc(nickname, unicode.IsControl):
		return Comment{}, stream.Errorf(stream.Unprocessable,
			"nickname is one line of 1 to %d characters, or left out.", MaxNickname)
	case content == "" || utf8.RuneCountInString(content) > MaxContent:
		return Comment{}, stream.Errorf(stream.Unprocessable, "content is 1 to %d characters.", MaxContent)
	}
	return Comment{ID: rand.Text(), Nickname: nickname, Content: content, CreatedAt: now.UTC()}, nil
}

var typeComment, typeLike = stream.MustType("comment"), stream.MustType("like")

// Commented is the event of a new comment.
func Commented(c Comment) stream.Event {
	return stream.Event{Topic: stream.Comments, Type: typeComment, Data: stream.MustJSON(c)}
}

// Liked is the event of a changed like count. It depends on nothing but id and count.
func Liked(id string, likes int) stream.Event {
	return stream.Event{Topic: stream.Comments, Type: typeLike, Data: stream.MustJSON(struct {
		ID    string `json:"id"`
		Likes int    `json:"likes"`
	}{id, likes})}
}

// NoComment is the error for an unknown comment.
func NoComment() error {
	return stream.Errorf(stream.NotFound, "There is no such comment.")
}

// Compare is the board's order: by likes, then newest first, then by id.
func Compare(a, b Comment) int {
	return cmp.Or(b.Likes-a.Likes, b.CreatedAt.Compare(a.CreatedAt), strings.Compare(a.ID, b.ID))
}
