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

// visitorCookie holds the random token that stands for one browser.
const visitorCookie = "visitor"

// visitor is who asks; a browser that is not known yet gets its token with the answer, if one is to be made.
func visitor(ctx iris.Context, create bool) board.Visitor {
	r := ctx.Request()
	if cookie, err := r.Cookie(visitorCookie); err == nil && len(cookie.Value) == len(rand.Text()) {
		return board.Visitor(cookie.Value)
	}
	if !create {
		return ""
	}
	token := rand.Text()
	http.SetCookie(ctx.ResponseWriter(), &http.Cookie{Name: visitorCookie, Value: token, Path: "/", MaxAge: 365 * 24 * 60 * 60,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
	return board.Visitor(token)
}

// addComment keeps a comment.
func (s *Site) addComment(ctx iris.Context) {
	var written struct {
		Nickname string `json:"nickname"`
		Content  string `json:"content"`
	}
	err := s.readJSON(ctx, &written)
	if err != nil {
		Fail(ctx, err)
		return
	}
	comment, err := s.keepComment(ctx, written.Nickname, written.Content)
	if err != nil {
		Fail(ctx, err)
		return
	}
	writeJSON(ctx, http.StatusCreated, board.Listed{Comment: comment})
}

func (s *Site) keepComment(ctx iris.Context, nickname, content string) (board.Comment, error) {
	comment, err := board.New(nickname, content, time.Now())
	if err == nil {
		err = s.Board.AddComment(ctx.Request().Context(), comment)
	}
	return comment, err
}

// postComment keeps a comment that the page's form has sent.
func (s *Site) postComment(ctx iris.Context) {
	err := s.readForm(ctx)
	if err == nil {
		_, err = s.keepComment(ctx, ctx.Request().PostForm.Get("nickname"), ctx.Request().PostForm.Get("content"))
	}
	if err != nil {
		Fail(ctx, err)
		return
	}
	seeOther(ctx, "/comments")
}

// like and unlike change whether the visitor likes a comment.
func (s *Site) like(ctx iris.Context)   { s.setLike(ctx, true) }
func (s *Site) unlike(ctx iris.Context) { s.setLike(ctx, false) }

func (s *Site) setLike(ctx iris.Context, like bool) {
	id := ctx.Params().Get("id")
	likes, err := s.Board.SetLike(ctx.Request().Context(), id, visitor(ctx, true), like)
	if err != nil {
		Fail(ctx, err)
		return
	}
	writeJSON(ctx, http.StatusOK, struct {
		ID    string `json:"id"`
		Likes int    `json:"likes"`
	}{id, likes})
}

// postLike changes what the page's button without JavaScript asks for.
func (s *Site) postLike(ctx iris.Context) {
	err := s.readForm(ctx)
	like := ctx.Request().PostForm.Get("like")
	if err == nil && like != "1" && like != "0" {
		err = stream.Errorf(stream.Unprocessable, "like is 1 or 0.")
	}
	if err == nil {
		_, err = s.Board.SetLike(ctx.Request().Context(), ctx.Params().Get("id"), visitor(ctx, true), like == "1")
	}
	if err != nil {
		Fail(ctx, err)
		return
	}
	seeOther(ctx, "/comments")
}

// listComments answers with a part of the board.
func (s *Site) listComments(ctx iris.Context) {
	query, err := parseQuery(ctx.Request())
	if err != nil {
		Fail(ctx, err)
		return
	}
	limit, err := parseLimit(query, stream.Start{})
	if err != nil {
		Fail(ctx, err)
		return
	}
	offset, err := parseOffset(query)
	if err != nil {
		Fail(ctx, err)
		return
	}
	list, err := s.Board.List(ctx.Request().Context(), visitor(ctx, false), limit, offset)
	if err != nil {
		Fail(ctx, err)
		return
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
}

// parseOffset reads offset=.
func parseOffset(query url.Values) (int, error) {
	if !query.Has("offset") {
		return 0, nil
	}
	n, err := strconv.Atoi(query.Get("offset"))
	if err != nil || n < 0 {
		return 0, stream.Errorf(stream.Invalid, "offset is a whole number from 0 on.")
	}
	return n, nil
}

// commentsPage shows the board.
func (s *Site) commentsPage(ctx iris.Context) {
	list, err := s.Board.List(ctx.Request().Context(), visitor(ctx, true), board.MaxComments, 0)
	if err != nil {
		Fail(ctx, err)
		return
	}
	s.page(ctx, "comments", "Comments", iris.Map{"Comments": list.Comments, "Total": list.Total, "Position": list.Position.String()})
}
