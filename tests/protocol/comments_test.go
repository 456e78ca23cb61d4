package protocol

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

func TestCommentsFollowTheProtocol(t *testing.T) {
	t.Parallel()
	json := map[string]string{"Content-Type": "application/json"}
	both := map[string]string{"Allow": "PUT, DELETE, OPTIONS"}
	const path = "POST /api/v1/comments"
	tryAll(t, harness.Serve(t, "-demo=false"), []exchange{
		{path, `{"content":"hi"}`, 201, nil, `"nickname":"anonymous","content":"hi","likes":0,`},
		{path, `{"nickname":"Bob","content":"<b>"}`, 201, nil, `"nickname":"Bob","content":"<b>","likes":0,`},
		{path, `{"nickname":"Bob"}`, 422, problem, "content"},
		{path, `{"content":"` + strings.Repeat("x", 2001) + `"}`, 422, problem, "1 to 2000"},
		{path, `{"nickname":"` + strings.Repeat("x", 51) + `","content":"x"}`, 422, problem, "1 to 50"},
		{path, `{"nickname":"two\nlines","content":"x"}`, 422, problem, "one line"},
		{path, `{"content":"x","liked":true}`, 400, problem, "field"},
		{path + " | Host: evil.test", `{"content":"x"}`, 403, problem, "-open-publish"},
		{"PUT /api/v1/comments/nothing/like", "", 404, problem, "comment"},
		{"DELETE /api/v1/comments/nothing/like", "", 404, problem, "comment"},
		{"POST /api/v1/comments/nothing/like", "", 405, both, ""},
		{"GET /api/v1/comments?limit=1001", "", 400, problem, "limit"},
		{"GET /api/v1/comments?offset=-1", "", 400, problem, "offset"},
		{"GET /api/v1/comments", "", 200, json, `"total":2,"position":"`},
		{"POST /comments" + asForm, "content=form", 303, map[string]string{"Location": "/comments"}, ""},
		{"POST /comments" + asForm, "nickname=x", 422, problem, "content"},
		{"POST /comments/nothing/like" + asForm, "like=1", 404, problem, "comment"},
		{"POST /comments/nothing/like" + asForm, "like=2", 422, problem, "1 or 0"},
	})
}

func TestAVisitorsLikesAreTheirOwn(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	r := s.Listen("/events/comments", "")
	comment := s.API(http.MethodPost, "/api/v1/comments", `{"nickname":"Bob","content":"hi"}`)
	like := "/api/v1/comments/" + comment["id"].(string) + "/like"
	want := fmt.Sprintf(`{"id":"%s","nickname":"Bob","content":"hi","likes":0,"created_at":"%s"}`,
		comment["id"], comment["created_at"])
	if m := r.Must(); m.Type != "comment" || m.Data != want {
		t.Errorf("got %+v, want %s", m, want)
	}
	response, liked := s.JSON(http.MethodPut, like, "")
	cookie := response.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || len(cookie.Value) < 20 || cookie.Path != "/" {
		t.Errorf("the cookie is %+v", cookie)
	}
	if liked["likes"] != 1.0 {
		t.Errorf("liked: %v", liked)
	}
	me := "Cookie: " + cookie.Name + "=" + cookie.Value
	for _, step := range []struct {
		method string
		likes  float64
	}{{"PUT", 1}, {"DELETE", 0}, {"DELETE", 0}, {"PUT", 1}} {
		response, got := s.JSON(step.method, like, "", me)
		if got["likes"] != step.likes || len(response.Cookies()) != 0 {
			t.Errorf("%s: %v, cookies %v, want %v likes", step.method, got, response.Cookies(), step.likes)
		}
	}
	for _, likes := range []int{1, 0, 1} { // what changed nothing made no event
		want := fmt.Sprintf(`{"id":"%s","likes":%d}`, comment["id"], likes)
		if m := r.Must(); m.Type != "like" || m.Data != want {
			t.Errorf("got %+v, want %s", m, want)
		}
	}
	for visitor, want := range map[string]bool{me: true, "Cookie: visitor=other": false} {
		_, list := s.JSON(http.MethodGet, "/api/v1/comments", "", visitor)
		if got := list["comments"].([]any)[0].(map[string]any); got["liked"] != want || got["likes"] != 1.0 {
			t.Errorf("%s sees %v", visitor, got)
		}
	}
}

func TestTheBoardIsListedInParts(t *testing.T) {
	t.Parallel()
	s := harness.Serve(t, "-demo=false")
	for i := range 103 {
		s.API(http.MethodPost, "/api/v1/comments", fmt.Sprintf(`{"content":"%d"}`, i))
	}
	for query, want := range map[string]struct {
		comments int
		first    string
	}{"": {100, "102"}, "?limit=1000": {103, "102"}, "?limit=2": {2, "102"}, "?limit=2&offset=100": {2, "2"},
		"?offset=103": {}} {
		list := s.API(http.MethodGet, "/api/v1/comments"+query, "")
		comments, first := list["comments"].([]any), ""
		if len(comments) > 0 {
			first = comments[0].(map[string]any)["content"].(string)
		}
		if len(comments) != want.comments || first != want.first || list["total"] != 103.0 {
			t.Errorf("%q lists %d of %v from %q on, want %+v", query, len(comments), list["total"], first, want)
		}
	}
}
