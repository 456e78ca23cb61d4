// Package board holds the rules of the comment board: what a comment is, and how likes are counted. A Store keeps it;
// package boardtest is the contract that every Store passes.
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

// Limits.
const (
	MaxNickname = 50   // characters
	MaxContent  = 2000 // characters
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

// Visitor is a random token that identifies a browser. It is never shown or sent to anyone else.
type Visitor string

// Listed is a comment as one visitor sees it.
type Listed struct {
	Comment
	Liked bool `json:"liked"` // by this visitor
}

// List is a page of the board at one moment, by likes, then newest first.
type List struct {
	Comments []Listed
	Total    int       // comments on the whole board
	Position stream.ID // of the log at that moment: a stream from here misses nothing and repeats nothing
}

// Store keeps the board. A method that changes it also appends the event, atomically: others see both or neither. A
// Store is safe for concurrent use. Errors: stream.NotFound for an unknown comment, and those of stream.Log.Append.
type Store interface {
	// Add stores a comment made by New, and appends Commented.
	Add(ctx context.Context, c Comment) error

	// SetLike sets whether the visitor likes the comment, and returns its likes. Only a change appends Liked.
	SetLike(ctx context.Context, id string, visitor Visitor, like bool) (likes int, err error)

	// List returns at most limit comments from offset on, as the visitor sees them; limit is at most MaxComments.
	List(ctx context.Context, visitor Visitor, limit, offset int) (List, error)
}

// New makes a comment. Space around the texts is trimmed, and an empty nickname becomes "anonymous". Errors:
// stream.Invalid, stream.Unprocessable.
func New(nickname, content string, now time.Time) (Comment, error) {
	nickname, content = strings.TrimSpace(nickname), strings.TrimSpace(content)
	if nickname == "" {
		nickname = "anonymous"
	}
	switch {
	case !utf8.ValidString(nickname) || !utf8.ValidString(content):
		return Comment{}, stream.Errorf(stream.Invalid, "nickname and content must be valid UTF-8.")
	case utf8.RuneCountInString(nickname) > MaxNickname || strings.ContainsFunc(nickname, unicode.IsControl):
		return Comment{}, stream.Errorf(stream.Unprocessable,
			"nickname must be one line of 1 to %d characters, or left out.", MaxNickname)
	case content == "" || utf8.RuneCountInString(content) > MaxContent:
		return Comment{}, stream.Errorf(stream.Unprocessable, "content must be 1 to %d characters.", MaxContent)
	}
	return Comment{ID: rand.Text(), Nickname: nickname, Content: content, CreatedAt: now.UTC()}, nil
}

var typeComment, typeLike = stream.MustType("comment"), stream.MustType("like")

// Commented is the event of a new comment.
func Commented(c Comment) stream.Event {
	return stream.Event{Topic: stream.Comments, Type: typeComment, Data: stream.MustJSON(c)}
}

// Liked is the event of a changed number of likes.
func Liked(id string, likes int) stream.Event {
	return stream.Event{Topic: stream.Comments, Type: typeLike, Data: stream.MustJSON(struct {
		ID    string `json:"id"`
		Likes int    `json:"likes"`
	}{id, likes})}
}

// NoComment is the error for an unknown id.
func NoComment() error {
	return stream.Errorf(stream.NotFound, "There is no such comment.")
}

// Compare is the board's order: by likes, then newest first, then by id.
func Compare(a, b Comment) int {
	return cmp.Or(b.Likes-a.Likes, b.CreatedAt.Compare(a.CreatedAt), strings.Compare(a.ID, b.ID))
}
