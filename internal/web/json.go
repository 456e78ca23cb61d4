package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/stream"
)

// readJSON reads the request's body into v: one JSON object in UTF-8, with no field that v does not have and nothing behind
// it. Browsers have to say that it is JSON, so that no form of another page can send one; curl need not.
func (s *Site) readJSON(ctx iris.Context, v any) error {
	r := ctx.Request()
	if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
		if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
			return stream.Errorf(stream.MediaType, "Send JSON, with Content-Type: application/json.")
		}
	}
	body, err := s.readBody(ctx)
	if err != nil {
		return err
	}
	if !utf8.Valid(body) {
		return stream.Errorf(stream.Invalid, "The body is JSON in UTF-8.")
	}
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return stream.Errorf(stream.Invalid, "The body is one JSON object, such as {\"id\": \"1\"}.")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return jsonError(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return stream.Errorf(stream.Invalid, "The body is one JSON object, with nothing behind it.")
	}
	return nil
}

// jsonError says what is wrong with a JSON text.
func jsonError(err error) error {
	if typeError, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return stream.Errorf(stream.Invalid, "The field %q cannot be a JSON %s.", typeError.Field, typeError.Value)
	}
	if syntaxError, ok := errors.AsType[*json.SyntaxError](err); ok {
		return stream.Errorf(stream.Invalid, "The body is no JSON from byte %d on.", syntaxError.Offset)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return stream.Errorf(stream.Invalid, "The body is JSON that ends too early.")
	}
	return stream.Errorf(stream.Invalid, "The body has a field that is not known here.") // all that is left of Decode's errors
}

// readBody reads the whole body, within its bound.
func (s *Site) readBody(ctx iris.Context) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(ctx.ResponseWriter().Naive(), ctx.Request().Body, s.MaxData))
	if err != nil {
		return nil, s.bodyError(err)
	}
	return body, nil
}

// readForm reads a form that a page without JavaScript has posted.
func (s *Site) readForm(ctx iris.Context) (url.Values, error) {
	r := ctx.Request()
	r.Body = http.MaxBytesReader(ctx.ResponseWriter().Naive(), r.Body, s.MaxData)
	if err := r.ParseForm(); err != nil {
		return nil, s.bodyError(err)
	}
	for _, values := range r.PostForm {
		if !utf8.ValidString(strings.Join(values, "")) {
			return nil, stream.Errorf(stream.Invalid, "The form is UTF-8.")
		}
	}
	return r.PostForm, nil
}

// seeOther sends the browser to a page, which it gets anew.
func seeOther(ctx iris.Context, path string) {
	setHeader(ctx, "Location", path)
	ctx.StatusCode(http.StatusSeeOther)
}
