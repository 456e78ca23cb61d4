// Package board has the rules of the comment board: what a comment is, and how likes are counted. Where it is kept is a
// Store's business; package boardtest is the contract that each one passes.
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

// The bounds of what a visitor writes, in characters.
const (
	MaxNickname = 50
	MaxContent  = 2000
	MaxComments = 1000 // of one list
)

// Comment is what a visitor wrote. It is never changed, but for its likes.
type Comment struct {
	ID        string    `json:"id"` // random, 26 letters and digits
	Nickname  string    `json:"nickname"`
	Content   string    `json:"content"`
	Likes     int       `json:"likes"`
	CreatedAt time.Time `json:"created_at"` // UTC
}

// Visitor is a random token that stands for one browser. It is never shown or sent to others.
type Visitor string

// Listed is a comment as one visitor sees it.
type Listed struct {
	Comment
	Liked bool `json:"liked"` // by this visitor
}

// List is a part of the board, by likes, then newest first, at one moment.
type List struct {
	Comments []Listed
	Total    int       // of all comments there are
	Position stream.ID // of the log at that moment: a stream from here on misses nothing and repeats nothing
}

// Store keeps the board. Each method that changes it changes the row, appends the event, and returns the result in one
// step: others see all of it or nothing. All methods may be called at once. Errors: stream.NotFound for a comment that is
// not there, and those of stream.Log.Append.
type Store interface {
	// Add keeps a comment that New made, and appends Commented.
	Add(ctx context.Context, c Comment) error

	// SetLike makes the visitor like the comment, or not, and returns how many do. Only what changes something appends Liked.
	SetLike(ctx context.Context, id string, visitor Visitor, like bool) (likes int, err error)

	// List is the comments from offset on, MaxComments at most, as the visitor sees them.
	List(ctx context.Context, visitor Visitor, limit, offset int) (List, error)
}

// New makes a comment of what a visitor wrote; who gives no nickname is anonymous. Space at the ends is cut off.
func New(nickname, content string, now time.Time) (Comment, error) {
	nickname, content = strings.TrimSpace(nickname), strings.TrimSpace(content)
	if nickname == "" {
		nickname = "anonymous"
	}
	switch {
	case !utf8.ValidString(nickname) || !utf8.ValidString(content):
		return Comment{}, stream.Errorf(stream.Invalid, "nickname and content are valid UTF-8.")
	case utf8.RuneCountInString(nickname) > MaxNickname || strings.ContainsFunc(nickname, unicode.IsControl):
		return Comment{}, stream.Errorf(stream.Unprocessable, "nickname is one line of 1 to %d characters, or left out.", MaxNickname)
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

// Liked is the event of a changed count. It depends on nothing but id and count.
func Liked(id string, likes int) stream.Event {
	return stream.Event{Topic: stream.Comments, Type: typeLike, Data: stream.MustJSON(struct {
		ID    string `json:"id"`
		Likes int    `json:"likes"`
	}{id, likes})}
}

// NoComment is the error for an id that is none.
func NoComment() error {
	return stream.Errorf(stream.NotFound, "There is no such comment.")
}

// Compare is the board's order: by likes, then newest first; what is equal in both by id.
func Compare(a, b Comment) int {
	return cmp.Or(b.Likes-a.Likes, b.CreatedAt.Compare(a.CreatedAt), strings.Compare(a.ID, b.ID))
}
