package web

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/board"
	"iris-broadcast/internal/stream"
)

// visitorCookie holds the random token that identifies a browser.
const visitorCookie = "visitor"

// visitor returns the token of the browser that asks. A new browser gets one with the answer if create is set, else "".
func visitor(ctx iris.Context, create bool) board.Visitor {
	r := ctx.Request()
	if cookie, err := r.Cookie(visitorCookie); err == nil && len(cookie.Value) == len(rand.Text()) {
		return board.Visitor(cookie.Value)
	}
	if !create {
		return ""
	}
	token := rand.Text()
	http.SetCookie(ctx.ResponseWriter(), &http.Cookie{Name: visitorCookie, Value: token, Path: "/",
		MaxAge: 365 * 24 * 60 * 60, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
	return board.Visitor(token)
}

// addComment stores a comment.
func (s *Site) addComment(ctx iris.Context) error {
	var written struct {
		Nickname string `json:"nickname"`
		Content  string `json:"content"`
	}
	if err := s.readJSON(ctx, &written, `{"content": "hello"}`); err != nil {
		return err
	}
	comment, err := s.storeComment(ctx, written.Nickname, written.Content)
	if err != nil {
		return err
	}
	writeJSON(ctx, http.StatusCreated, board.Listed{Comment: comment})
	return nil
}

func (s *Site) storeComment(ctx iris.Context, nickname, content string) (board.Comment, error) {
	comment, err := board.New(nickname, content, time.Now())
	if err == nil {
		err = s.Board.AddComment(ctx.Request().Context(), comment)
	}
	return comment, err
}

// postComment stores a comment sent by the page's form.
func (s *Site) postComment(ctx iris.Context) error {
	form, err := s.readForm(ctx)
	if err != nil {
		return err
	}
	_, err = s.storeComment(ctx, form.Get("nickname"), form.Get("content"))
	if err != nil {
		return err
	}
	seeOther(ctx, "/comments")
	return nil
}

// like and unlike set whether the visitor likes a comment.
func (s *Site) like(ctx iris.Context) error   { return s.setLike(ctx, true) }
func (s *Site) unlike(ctx iris.Context) error { return s.setLike(ctx, false) }

func (s *Site) setLike(ctx iris.Context, like bool) error {
	id := ctx.Params().Get("id")
	likes, err := s.Board.SetLike(ctx.Request().Context(), id, visitor(ctx, true), like)
	if err != nil {
		return err
	}
	writeJSON(ctx, http.StatusOK, struct {
		ID    string `json:"id"`
		Likes int    `json:"likes"`
	}{id, likes})
	return nil
}

// postLike sets a like by the page's button, which works without JavaScript.
func (s *Site) postLike(ctx iris.Context) error {
	form, err := s.readForm(ctx)
	if err != nil {
		return err
	}
	like := form.Get("like")
	if like != "1" && like != "0" {
		return stream.Errorf(stream.Unprocessable, "like must be 1 or 0.")
	}
	_, err = s.Board.SetLike(ctx.Request().Context(), ctx.Params().Get("id"), visitor(ctx, true), like == "1")
	if err != nil {
		return err
	}
	seeOther(ctx, "/comments")
	return nil
}

// listComments answers with a page of the board.
func (s *Site) listComments(ctx iris.Context) error {
	query, err := parseQuery(ctx.Request())
	if err != nil {
		return err
	}
	limit, err := parseLimit(query, stream.Start{})
	if err != nil {
		return err
	}
	offset, err := parseOffset(query)
	if err != nil {
		return err
	}
	list, err := s.Board.List(ctx.Request().Context(), visitor(ctx, false), limit, offset)
	if err != nil {
		return err
	}
	if list.Comments == nil {
		list.Comments = []board.Listed{} // [] and not null
	}
	setHeader(ctx, "Cache-Control", "no-store")
	writeJSON(ctx, http.StatusOK, struct {
		Comments []board.Listed `json:"comments"`
		Total    int            `json:"total"`
		Position stream.ID      `json:"position"`
	}{list.Comments, list.Total, list.Position})
	return nil
}

// parseOffset reads offset=.
func parseOffset(query url.Values) (int, error) {
	if !query.Has("offset") {
		return 0, nil
	}
	n, err := strconv.Atoi(query.Get("offset"))
	if err != nil || n < 0 {
		return 0, stream.Errorf(stream.Invalid, "offset must be a whole number, 0 or more.")
	}
	return n, nil
}

// commentsPage shows the board.
func (s *Site) commentsPage(ctx iris.Context) error {
	list, err := s.Board.List(ctx.Request().Context(), visitor(ctx, true), board.MaxComments, 0)
	if err != nil {
		return err
	}
	return s.page(ctx, "comments", "Comments", iris.Map{
		"Comments": list.Comments, "Total": list.Total, "Position": list.Position.String()})
}
