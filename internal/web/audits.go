package web

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"html/template"
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
	record, err := audit.Add(ctx.Request().Context(), s.Log, entry, time.Now())
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
	if _, err := audit.Add(ctx.Request().Context(), s.Log, entry, time.Now()); err != nil {
		Fail(ctx, err)
		return
	}
	seeOther(ctx, "/audits")
}

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

// from is where a read begins. Without a filter the newest are the log's newest, and nothing older need be read.
func (q auditQuery) from(newest int) stream.Query {
	from := stream.Query{After: q.start.After}
	if q.start.Kind != stream.After && q.start.Kind != stream.Within && q.Filter == (audit.Filter{}) {
		from.Newest, from.Limit = true, newest
	}
	return from
}

// read returns the records that the query names, oldest first, and the position that they reach.
func (q auditQuery) read(ctx context.Context, log stream.Log) (records []audit.Record, next stream.ID, err error) {
	newest, most := q.start.Kind == stream.Live || q.start.Kind == stream.Newest, q.limit
	if q.start.Kind == stream.Newest {
		most = q.start.Last
	}
	var positions []stream.ID
	next, err = q.Read(ctx, log, q.from(most), func(id stream.ID, r audit.Record) bool {
		records, positions = append(records, r), append(positions, id)
		if newest && len(records) > most {
			records, positions = records[1:], positions[1:]
		}
		return newest || len(records) < most
	})
	switch n := min(q.limit, len(records)); {
	case n > 0:
		return records[:n], positions[n-1], err
	case next.Less(q.start.After):
		next = q.start.After
	}
	return []audit.Record{}, next, err
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
	setHeader(ctx, "Cache-Control", "no-store")
	switch format {
	case "":
		records, next, err := q.read(ctx.Request().Context(), s.Log)
		if err != nil {
			Fail(ctx, err)
			return
		}
		writeJSON(ctx, http.StatusOK, struct {
			Audits []audit.Record `json:"audits"`
			Next   stream.ID      `json:"next"`
		}{records, next})
	case "jsonl", "csv":
		s.exportAudits(ctx, q, format)
	default:
		Fail(ctx, stream.Errorf(stream.Invalid, "format is jsonl or csv, or left out."))
	}
}

// exportAudits writes all records that match, as they are read, so that no export is too long for memory.
func (s *Site) exportAudits(ctx iris.Context, q auditQuery, format string) {
	one := stream.Query{Topics: stream.Select(audit.Topic), Limit: 1}
	if _, err := s.Log.Page(ctx.Request().Context(), one); err != nil { // while an error can still be told
		Fail(ctx, err)
		return
	}
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
	rc := http.NewResponseController(ctx.ResponseWriter().Naive())
	each := func(_ stream.ID, r audit.Record) bool {
		rc.SetWriteDeadline(time.Now().Add(answerTimeout))
		return write(r) == nil
	}
	var err error
	if q.start.Kind == stream.Newest {
		var records []audit.Record
		records, _, err = q.read(ctx.Request().Context(), s.Log)
		for _, r := range records {
			each(stream.ID{}, r)
		}
	} else {
		_, err = q.Read(ctx.Request().Context(), s.Log, stream.Query{After: q.start.After}, each)
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
	q.start, q.limit = stream.Start{Kind: stream.Newest, Last: shownAudits + 1}, shownAudits+1
	head, err := s.Log.Head(ctx.Request().Context())
	if err != nil {
		Fail(ctx, err)
		return
	}
	records, position, err := q.read(ctx.Request().Context(), s.Log)
	if err != nil {
		Fail(ctx, err)
		return
	}
	if position.Less(head) {
		position = head // what was filtered out has been seen too
	}
	more := len(records) > shownAudits
	if more {
		records = records[1:]
	}
	slices.Reverse(records)
	filters := url.Values{}
	for name, value := range map[string]string{"actor": q.Actor, "action": q.Action} {
		if value != "" {
			filters.Set(name, value)
		}
	}
	s.page(ctx, "audits", "Audit log", iris.Map{"Records": shown(records), "Actor": q.Actor, "Action": q.Action,
		"Position": position.String(), "Query": template.URL(filters.Encode()), "More": more})
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
