package web

import (
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kataras/iris/v12"

	"iris-broadcast/internal/audit"
	"iris-broadcast/internal/stream"
)

// shownAudits is how many records the page shows initially.
const shownAudits = 200

// addAudit stores a record.
func (s *Site) addAudit(ctx iris.Context) error {
	var entry audit.Entry
	if err := s.readJSON(ctx, &entry, `{"id": "1", "actor": "ann"}`); err != nil {
		return err
	}
	record, err := audit.Add(ctx.Request().Context(), s.Events, entry, time.Now())
	if err != nil {
		return err
	}
	writeJSON(ctx, http.StatusCreated, record)
	return nil
}

// postAudit stores a record sent by the page's form.
func (s *Site) postAudit(ctx iris.Context) error {
	form, err := s.readForm(ctx)
	if err != nil {
		return err
	}
	entry := audit.Entry{
		ID: form.Get("id"), Actor: form.Get("actor"), Action: form.Get("action"), Target: form.Get("target")}
	if details := strings.TrimSpace(form.Get("details")); details != "" {
		if entry.Details = json.RawMessage(details); !json.Valid(entry.Details) {
			entry.Details = json.RawMessage(stream.MustJSON(details)) // plain text
		}
	}
	if _, err := audit.Add(ctx.Request().Context(), s.Events, entry, time.Now()); err != nil {
		return err
	}
	seeOther(ctx, "/audits")
	return nil
}

// searched is how many of the newest records a filtered list looks through for the newest that match.
const searched = 4000

// auditQuery says which records a list is to have.
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

// from is where the records begin. With a filter, the newest that match are looked for among the newest of all.
func (r *reader) from(q auditQuery) (stream.Query, error) {
	from := q.start.List(stream.Select(stream.Audits), q.limit)
	if from.Newest == 0 || q.IsZero() {
		return from, nil
	}
	newest := from.Newest
	from.Newest = searched
	var matching []stream.ID // the newest ones
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

// listAudits answers with records: a stream, a list, or a file with all that match.
func (s *Site) listAudits(ctx iris.Context) error {
	ctx.ResponseWriter().Header().Add("Vary", "Accept")
	if r := ctx.Request(); r.URL.Query().Get("format") == "" && wantsStream(r) {
		return s.stream(ctx)
	}
	return s.stored((*reader).listAudits)(ctx)
}

func (r *reader) listAudits() error {
	q, err := parseAuditQuery(r.ctx.Request())
	if err != nil {
		return err
	}
	from, err := r.from(q)
	if err != nil {
		return err
	}
	if format := r.ctx.Request().URL.Query().Get("format"); format != "" {
		file, known := exportFormats[format]
		if !known {
			return stream.Errorf(stream.Invalid, "format must be jsonl or csv, or left out.")
		}
		return r.export(q, from, file)
	}
	return r.list("audits", from, q.start, q.limit, func(e stream.Event) []byte {
		record, ok := q.Record(e)
		if !ok {
			return nil
		}
		return []byte(stream.MustJSON(record))
	})
}

// auditsPage shows the newest records.
func (r *reader) auditsPage() error {
	q, err := parseAuditQuery(r.ctx.Request())
	if err != nil {
		return err
	}
	newest := stream.Query{
		Topics: stream.Select(stream.Audits), Newest: searched, NewestBytes: listBytes, Anywhere: true}
	if q.IsZero() {
		newest.Newest = shownAudits
	}
	var records []audit.Record
	to, err := r.scan(newest, searched, func(e stream.Event) bool {
		if record, ok := q.Record(e); ok {
			records = append(records, record)
		}
		return true
	})
	if err != nil {
		return err
	}
	filters := url.Values{}
	for name, value := range map[string]string{"actor": q.Actor, "action": q.Action} {
		if value != "" {
			filters.Set(name, value)
		}
	}
	newestFirst := shown(records[max(0, len(records)-shownAudits):])
	slices.Reverse(newestFirst)
	return r.page(r.ctx, "audits", "Audit log", iris.Map{
		"Records": newestFirst, "Actor": q.Actor, "Action": q.Action, "Position": to.reached.String(),
		"Query": template.URL(filters.Encode()), "More": to.older || len(records) > shownAudits})
}

// shownAudit is a record as the page shows it, with its details as text.
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
