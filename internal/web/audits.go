package web

import (
	"encoding/csv"
	"encoding/json"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kataras/golog"
	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/audit"
	"iris-broadcast/internal/stream"
)

// shownAudits is how many records the page shows at first.
const shownAudits = 200

// addAudit keeps a record.
func (s *Site) addAudit(ctx iris.Context) {
	var entry audit.Entry
	err := s.readJSON(ctx, &entry)
	if err != nil {
		Fail(ctx, err)
		return
	}
	record, err := audit.Add(ctx.Request().Context(), s.Events, entry, time.Now())
	if err != nil {
		Fail(ctx, err)
		return
	}
	writeJSON(ctx, http.StatusCreated, record)
}

// postAudit keeps a record that the page's form has sent.
func (s *Site) postAudit(ctx iris.Context) {
	if err := s.readForm(ctx); err != nil {
		Fail(ctx, err)
		return
	}
	form := ctx.Request().PostForm
	entry := audit.Entry{ID: form.Get("id"), Actor: form.Get("actor"), Action: form.Get("action"), Target: form.Get("target")}
	if details := strings.TrimSpace(form.Get("details")); details != "" {
		if entry.Details = json.RawMessage(details); !json.Valid(entry.Details) {
			entry.Details, _ = json.Marshal(details) // a string always can be JSON
		}
	}
	if _, err := audit.Add(ctx.Request().Context(), s.Events, entry, time.Now()); err != nil {
		Fail(ctx, err)
		return
	}
	seeOther(ctx, "/audits")
}

// searched is how many of the newest records a list with a filter looks at, to find the newest that match.
const searched = 4000

// auditQuery is what a list of audits asks for.
type auditQuery struct {
	audit.Filter
	start stream.Start
	limit int
}

func parseAuditQuery(r *http.Request) (q auditQuery, err error) {
	query, err := parseQuery(r)
	if err != nil {
		return q, err
	}
	q.Filter = audit.Filter{Actor: query.Get("actor"), Action: query.Get("action")}
	if q.start, err = stream.ParseStart("", query, time.Now()); err != nil {
		return q, err
	}
	q.limit, err = parseLimit(query, q.start)
	return q, err
}

// from is where the records begin: a filter's newest are looked for among the newest of all.
func (r *reader) from(q auditQuery) (stream.Query, error) {
	from := q.start.List(stream.Select(audit.Topic), q.limit)
	if from.Newest == 0 || q.IsZero() {
		return from, nil
	}
	newest := from.Newest
	from.Newest = searched
	var matching []stream.ID // the newest of them
	to, err := r.scan(from, searched, func(e stream.Event) bool {
		if _, ok := q.Record(e); ok {
			matching = append(matching, e.ID)
			matching = matching[max(0, len(matching)-newest):]
		}
		return true
	})
	from.Newest, from.After = 0, to.reached
	if len(matching) > 0 {
		from.After = matching[0].Before()
	}
	return from, err
}

// listAudits answers with records: as a stream, as a list, or as a file with all that match.
func (s *Site) listAudits(ctx iris.Context) {
	ctx.ResponseWriter().Header().Add("Vary", "Accept")
	r := ctx.Request()
	format := r.URL.Query().Get("format")
	if format == "" && wantsStream(r) {
		s.stream(ctx)
		return
	}
	q, err := parseAuditQuery(r)
	if err != nil {
		Fail(ctx, err)
		return
	}
	stored, err := s.enter(ctx)
	if err != nil {
		Fail(ctx, err)
		return
	}
	defer stored.leave()
	from, err := stored.from(q)
	if err != nil {
		Fail(ctx, err)
		return
	}
	switch format {
	case "":
		stored.list("audits", from, q.start, q.limit, func(e stream.Event) []byte {
			record, ok := q.Record(e)
			if !ok {
				return nil
			}
			return []byte(stream.MustJSON(record))
		})
	case "jsonl", "csv":
		stored.exportAudits(q, from, format)
	default:
		Fail(ctx, stream.Errorf(stream.Invalid, "format is jsonl or csv, or left out."))
	}
}

// exportAudits writes all records that match, as they are read, so that no export is too long for memory.
func (r *reader) exportAudits(q auditQuery, from stream.Query, format string) {
	ctx := r.ctx
	_, err := r.Events.Page(ctx.Request().Context(), stream.Query{Topics: from.Topics, Limit: 1}) // while an error can still be told
	if err != nil {
		Fail(ctx, err)
		return
	}
	setHeader(ctx, "Cache-Control", "no-store")
	setHeader(ctx, "Content-Disposition", `attachment; filename="audits.`+format+`"`)
	var write func(audit.Record) error
	if format == "csv" {
		setHeader(ctx, "Content-Type", "text/csv; charset=utf-8")
		table := csv.NewWriter(ctx.ResponseWriter())
		defer table.Flush()
		table.Write([]string{"id", "created_at", "actor", "action", "target", "details"})
		write = func(r audit.Record) error {
			return table.Write([]string{cell(r.ID), r.CreatedAt.Format(time.RFC3339Nano), cell(r.Actor), cell(r.Action), cell(r.Target), cell(string(r.Details))})
		}
	} else {
		setHeader(ctx, "Content-Type", "application/jsonl; charset=utf-8")
		lines := json.NewEncoder(ctx.ResponseWriter())
		lines.SetEscapeHTML(false)
		write = func(r audit.Record) error { return lines.Encode(r) }
	}
	if q.start.Kind == stream.Live { // a file has all, where no other beginning is named
		from.Newest, from.Anywhere = 0, true
		from.After = stream.ID{}
	}
	from.Limit = 0
	gone := false
	for to := (scanned{more: true}); to.more && err == nil && !gone; from.After, from.Newest = to.reached, 0 {
		to, err = r.scan(from, math.MaxInt, func(e stream.Event) bool {
			if record, ok := q.Record(e); ok {
				extendDeadline(ctx, answerTimeout)
				gone = write(record) != nil
			}
			return !gone
		})
	}
	if err != nil {
		golog.Errorf("Exporting audits: %v", err)
		panic(http.ErrAbortHandler) // half a file must not look like a whole one
	}
}

// cell keeps a spreadsheet from taking a visitor's text for a formula (OWASP, "CSV Injection").
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// auditsPage shows the newest records.
func (s *Site) auditsPage(ctx iris.Context) {
	q, err := parseAuditQuery(ctx.Request())
	if err != nil {
		Fail(ctx, err)
		return
	}
	stored, err := s.enter(ctx)
	if err != nil {
		Fail(ctx, err)
		return
	}
	defer stored.leave()
	newest := stream.Query{Topics: stream.Select(audit.Topic), Newest: searched, NewestBytes: listBytes, Anywhere: true}
	if q.IsZero() {
		newest.Newest = shownAudits
	}
	var records []audit.Record
	to, err := stored.scan(newest, searched, func(e stream.Event) bool {
		if r, ok := q.Record(e); ok {
			records = append(records, r)
		}
		return true
	})
	if err != nil {
		Fail(ctx, err)
		return
	}
	filters := url.Values{}
	for name, value := range map[string]string{"actor": q.Actor, "action": q.Action} {
		if value != "" {
			filters.Set(name, value)
		}
	}
	newestFirst := shown(records[max(0, len(records)-shownAudits):])
	slices.Reverse(newestFirst)
	s.page(ctx, "audits", "Audit log", iris.Map{"Records": newestFirst, "Actor": q.Actor, "Action": q.Action,
		"Position": to.reached.String(), "Query": template.URL(filters.Encode()), "More": to.older || len(records) > shownAudits})
}

// shownAudit is a record as the page shows it: details as text.
type shownAudit struct {
	audit.Record
	Details string
}

func shown(records []audit.Record) []shownAudit {
	all := make([]shownAudit, len(records))
	for i, r := range records {
		all[i] = shownAudit{r, string(r.Details)}
	}
	return all
}
