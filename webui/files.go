package webui

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"flyleaf/node"
	"flyleaf/qa"
	"flyleaf/schema"
)

// filesPath is the address of the page that imports files, saves weeks as files and publishes them.
const filesPath = "/files"

// filesPage is the body of the page at filesPath.
type filesPage struct {
	CSRF                 string
	Weeks                []choice // on this device
	Formats              []node.PublishFormat
	Exports              []node.ExportFormat
	Organised            []choice // the weeks that the reader organises, to import into
	Preview              *importPreview
	Imported             []importedWeek // the results of the import that was just requested
	ImportError          string
	Relay, Channel, Club string          // typed
	Clubs                []string        // names of the clubs that the reader organises
	Accept               qa.ImportChoice // chosen
	PublishClubs         []choice        // the clubs whose weeks can be published together
	AskNewClub           bool            // ask whether to create a club although the name of another one is almost the same
}

// importPreview is what an import would add, and the file for it.
type importPreview struct {
	Weeks   []node.FilePreview
	Pending string // identifies the file, see pendingImport
	Name    string
	Outline bool
}

// pendingImport is the file whose preview was shown last. It is kept in memory only, so that it can be imported without
// being chosen and sent again.
type pendingImport struct {
	id   string // hash of the file
	name string
	data []byte
}

// pendingID identifies a file.
func pendingID(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// keepPending keeps a file, and returns what identifies it.
func (s *server) keepPending(name string, data []byte) string {
	id := pendingID(data)
	s.importing.Lock()
	defer s.importing.Unlock()
	s.pending = pendingImport{id, name, data}
	return id
}

// pendingFile returns the file that was kept. The program may have been ended since, or another file previewed.
func (s *server) pendingFile(id string) (name string, data []byte, err error) {
	s.importing.Lock()
	defer s.importing.Unlock()
	if s.pending.id != id {
		return "", nil, node.Errorf(node.Invalid, "the file is not in memory any more; choose it again; nothing was imported")
	}
	return s.pending.name, s.pending.data, nil
}

// importedWeek is the result of importing one week of a file.
type importedWeek struct {
	Title, Path, Words string
	Notes              []string
	Refused            string
}

func (s *server) files(w http.ResponseWriter, r *http.Request) {
	s.showFiles(w, r, http.StatusOK, filesPage{Relay: s.relay})
}

func (s *server) showFiles(w http.ResponseWriter, r *http.Request, status int, p filesPage) {
	p.CSRF, p.Formats, p.Exports = s.guard.form, node.PublishFormats[:], node.ExportFormats[:]
	var err error
	if p.Weeks, p.Organised, err = s.weekChoices(r.Context(), r.URL.Query().Get("week"), r.PostForm.Get("into")); err != nil {
		s.readFailed(w, r, err)
		return
	}
	if p.Clubs, err = s.organisedClubs(r.Context()); err != nil {
		s.readFailed(w, r, err)
		return
	}
	clubs, err := s.node.Clubs(r.Context())
	if err != nil {
		s.readFailed(w, r, err)
		return
	}
	for i := range clubs {
		p.PublishClubs = append(p.PublishClubs, choice{ID: string(clubs[i].ID), Words: clubs[i].Title})
	}
	w.Header().Set(converterHeader, "files")
	l := s.layout(r, "Files", "", p)
	if r.Method != http.MethodGet {
		l.Here = filesPath
	}
	s.page(w, r, status, "files", l)
}

// organisedClubs returns the names of the clubs that the reader organises.
func (s *server) organisedClubs(ctx context.Context) ([]string, error) {
	me, err := s.node.Identity(ctx)
	if err != nil {
		return nil, err
	}
	clubs, err := s.node.Clubs(ctx)
	var out []string
	for i := range clubs {
		if clubs[i].HasRole(me, qa.RoleOrganiser) {
			out = append(out, clubs[i].Title)
		}
	}
	return out, err
}

// weekChoices lists the weeks that are on this device, and those of them that the reader organises.
func (s *server) weekChoices(ctx context.Context, chosen, into string) (all, organised []choice, err error) {
	library, err := s.node.Library(ctx)
	if err != nil {
		return nil, nil, err
	}
	me, err := s.node.Identity(ctx)
	if err != nil {
		return nil, nil, err
	}
	for i := range library {
		e := library[i].Event.Consistent()
		if e.Title == "" || e.Kind == schema.KindClub {
			continue
		}
		all = append(all, choice{ID: string(e.ID), Words: e.Title, Chosen: string(e.ID) == chosen})
		if e.HasRole(me, qa.RoleOrganiser) {
			organised = append(organised, choice{ID: string(e.ID), Words: e.Title, Chosen: string(e.ID) == into})
		}
	}
	return all, organised, nil
}

// importFile imports the chosen file and shows the results. With "preview" it imports nothing and shows what it would
// import.
func (s *server) importFile(w http.ResponseWriter, r *http.Request) {
	p := filesPage{
		Relay: strings.TrimSpace(r.PostForm.Get("relay")), Channel: strings.TrimSpace(r.PostForm.Get("channel")),
		Club: strings.TrimSpace(r.PostForm.Get("club")),
	}
	p.Accept = qa.ImportChoice{Revise: r.PostForm.Get("revise") == "1", Withdraw: r.PostForm.Get("withdraw") == "1"}
	name, data, err := chosenFile(r, "file", node.MaxFile)
	if pending := r.PostForm.Get("pending"); pending != "" && (err != nil || len(data) == 0) {
		name, data, err = s.pendingFile(pending)
	}
	file := node.FileToImport{
		Name: name, Data: data, Event: qa.EventID(r.PostForm.Get("into")), Relay: p.Relay, Channel: p.Channel, Club: p.Club,
		NewClub: r.PostForm.Get("newclub") == "1", Accept: p.Accept,
	}
	var weeks []node.ImportedFile
	switch {
	case err != nil:
	case r.PostForm.Has("preview"):
		var found []node.FilePreview
		if found, err = node.PreviewFile(r.Context(), s.converter, file); err == nil {
			p.Preview = &importPreview{Weeks: found, Pending: s.keepPending(name, data), Name: name, Outline: len(found) == 1 && found[0].Outline}
		}
	default:
		if weeks, err = node.ImportFile(r.Context(), s.node, s.converter, file); err == nil {
			s.keepPending("", nil) // frees the memory
		}
	}
	for i := range weeks {
		f := &weeks[i]
		week := importedWeek{Title: cmp.Or(f.Title, "A week"), Notes: f.Notes, Refused: f.Refused}
		if f.Event != "" {
			week.Path = eventPath(f.Event)
			week.Words = plural(f.Questions, "new question") + ", " + plural(f.Replies, "new reply", "new replies")
			if f.Changes > 0 {
				week.Words = plural(f.Changes, "new change")
			}
			if f.Known > 0 {
				week.Words += ", " + plural(f.Known, "post") + " already on this device"
			}
		}
		p.Imported = append(p.Imported, week)
	}
	status := http.StatusOK
	if err != nil {
		status, p.ImportError = statusOf(err), sentence(err.Error())
		if similar := (*node.SimilarClubError)(nil); errors.As(err, &similar) {
			p.AskNewClub = true
			p.ImportError += " Correct the name below, or choose to create another club. Then choose the file again."
		}
		if pending := r.PostForm.Get("pending"); pending != "" {
			if _, kept, e := s.pendingFile(pending); e == nil && len(kept) > 0 { // what was typed can be corrected without choosing it again
				p.Preview = &importPreview{Pending: pending, Name: name}
			}
		}
	}
	s.showFiles(w, r, status, p)
}

// chosenFile reads a file of a form, of at most limit bytes.
func chosenFile(r *http.Request, field string, limit int64) (name string, data []byte, err error) {
	if r.MultipartForm == nil || len(r.MultipartForm.File[field]) == 0 {
		return "", nil, node.Errorf(node.Invalid, "choose a file first; nothing was changed")
	}
	header := r.MultipartForm.File[field][0]
	f, err := header.Open()
	if err != nil {
		return "", nil, err
	}
	data, err = io.ReadAll(io.LimitReader(f, limit+1))
	if err = errors.Join(err, f.Close()); err == nil && int64(len(data)) > limit {
		err = node.Errorf(node.Invalid, "the file is too large: at most %d MB can be imported here; nothing was changed", limit>>20)
	}
	return header.Filename, data, err
}

// outline sends the outline of the file whose preview is shown.
func (s *server) outline(w http.ResponseWriter, r *http.Request) {
	name, data, err := s.pendingFile(r.URL.Query().Get("pending"))
	if err == nil {
		data, err = node.OutlineOf(r.Context(), s.converter, node.FileToImport{Name: name, Data: data})
	}
	if err != nil {
		s.problem(w, r, statusOf(err), "There is no outline", sentence(err.Error()))
		return
	}
	download(w, "text/plain; charset=utf-8", "outline.txt", data)
}

// export sends a whole week as a file.
func (s *server) export(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	file, err := node.Export(r.Context(), s.node, s.converter, qa.EventID(q.Get("week")), cmp.Or(q.Get("format"), node.FormatBundle))
	if err != nil {
		s.problem(w, r, statusOf(err), "This week cannot be saved as a file", sentence(err.Error())+" Nothing was changed.")
		return
	}
	download(w, "application/octet-stream", file.Name, file.Data)
}

// clubPrefix marks a club among the weeks that can be published.
const clubPrefix = "club:"

// published sends the chosen weeks in a published format, as a ZIP file.
func (s *server) published(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p := node.Publication{Event: qa.EventID(q.Get("week")), Format: q.Get("format")}
	if club, ok := strings.CutPrefix(q.Get("week"), clubPrefix); ok {
		p.Event, p.Club = "", qa.EventID(club)
	}
	p.Site.Now, p.Site.BaseURL = s.now(), strings.TrimSpace(q.Get("base"))
	p.Site.Title, p.Site.Rules = strings.TrimSpace(q.Get("title")), strings.TrimSpace(qa.LineEnds(q.Get("rules")))
	name, data, err := node.PublishArchive(r.Context(), s.node, s.converter, p)
	if err != nil {
		s.problem(w, r, statusOf(err), "Nothing was published", sentence(err.Error()))
		return
	}
	download(w, "application/zip", name, data)
}

func download(w http.ResponseWriter, kind, name string, data []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": url.PathEscape(name)}))
	_, _ = w.Write(data) // fails only when the browser has disconnected
}
