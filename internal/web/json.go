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

// readJSON reads the body into v: one JSON object in UTF-8, without unknown fields or trailing data. Browsers must
// declare it as application/json, which no form can; curl need not. The example is an object that this API accepts.
func (s *Site) readJSON(ctx iris.Context, v any, example string) error {
	r := ctx.Request()
	if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
		mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || mediaType != "application/json" {
			return stream.Errorf(stream.MediaType, "Send JSON with Content-Type: application/json, such as %s.",
				example)
		}
	}
	body, err := s.readBody(ctx, s.maxEncoded())
	if err != nil {
		return err
	}
	if !utf8.Valid(body) {
		return stream.Errorf(stream.Invalid, "The body must be JSON in UTF-8.")
	}
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return stream.Errorf(stream.Invalid, "The body must be one JSON object, such as %s.", example)
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return jsonError(err, example)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return stream.Errorf(stream.Invalid, "The body must be one JSON object and nothing else, such as %s.", example)
	}
	return nil
}

// jsonError says what is wrong with a JSON text.
func jsonError(err error, example string) error {
	if typeError, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return stream.Errorf(stream.Invalid, "The field %q cannot be a JSON %s.", typeError.Field, typeError.Value)
	}
	if syntaxError, ok := errors.AsType[*json.SyntaxError](err); ok {
		return stream.Errorf(stream.Invalid, "The body is not valid JSON at byte %d; send, for example, %s.",
			syntaxError.Offset, example)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return stream.Errorf(stream.Invalid, "The JSON in the body ends too early; send, for example, %s.", example)
	}
	// Decode has no other error but for an unknown field, whose name is input and not repeated.
	return stream.Errorf(stream.Invalid, "The body has an unknown field; send, for example, %s.", example)
}

// maxEncoded is how many bytes of JSON or of a form may encode an event of MaxData. Both need up to six for one: JSON
// as \u00XX, a form for a line break, as %0D%0A. The rest is for the other fields. What is appended is bounded by
// boundedLog.
func (s *Site) maxEncoded() int64 { return 6*s.MaxData + 16<<10 }

// readBody reads the whole body, at most max bytes.
func (s *Site) readBody(ctx iris.Context, max int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(ctx.ResponseWriter().Naive(), ctx.Request().Body, max))
	if err != nil {
		return nil, s.bodyError(err)
	}
	return body, nil
}

// readForm reads a form posted by a page without JavaScript.
func (s *Site) readForm(ctx iris.Context) (url.Values, error) {
	r := ctx.Request()
	r.Body = http.MaxBytesReader(ctx.ResponseWriter().Naive(), r.Body, s.maxEncoded())
	if err := r.ParseForm(); err != nil {
		return nil, s.bodyError(err)
	}
	for _, values := range r.PostForm {
		if !utf8.ValidString(strings.Join(values, "")) {
			return nil, stream.Errorf(stream.Invalid, "The form must be UTF-8.")
		}
	}
	return r.PostForm, nil
}

// seeOther redirects the browser to a page, which it fetches with GET.
func seeOther(ctx iris.Context, path string) {
	setHeader(ctx, "Location", path)
	ctx.StatusCode(http.StatusSeeOther)
}
