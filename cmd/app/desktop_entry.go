package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"flyleaf/webui"
)

// The entry of Flyleaf among the applications of a desktop: a file as the Desktop Entry Specification
// describes it, an icon, and the registration for flyleaf: links.

const (
	entryName  = "flyleaf.desktop"
	linkScheme = "x-scheme-handler/flyleaf"
)

// installEntry writes the entry of the user's desktop, or removes it.
func (a *app) installEntry(ctx context.Context, undo bool) error {
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		return codedf(exitError, "--install is not offered on this system; nothing was written. Start `flyleaf desktop` from a shortcut that you make yourself, and paste invitations on the page “Your weeks”")
	}
	data, err := userDataDir()
	if err != nil {
		return err
	}
	applications := filepath.Join(data, "applications")
	entry, icon := filepath.Join(applications, entryName), filepath.Join(data, "icons", "hicolor", "scalable", "apps", "flyleaf.svg")
	if undo {
		return a.removeEntry(ctx, applications, entry, icon)
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("where this program is cannot be found out; nothing was written: %w", err)
	}
	args := []string{program}
	if a.chosenDir() != "" {
		h, err := a.home(ctx)
		if err != nil {
			return err
		}
		args = append(args, "--data", h.dir)
	}
	text, err := desktopEntry(append(args, "desktop", "--"))
	if err != nil {
		return err
	}
	for _, file := range []struct {
		path string
		b    []byte
	}{{icon, webui.Icon()}, {entry, []byte(text)}} {
		err := os.MkdirAll(filepath.Dir(file.path), 0o755)
		if err == nil {
			err = writeFileSynced(file.path, file.b, 0o644)
		}
		if err != nil {
			return fmt.Errorf("adding Flyleaf to your applications: %w. `flyleaf desktop --install --undo` removes what was written", err)
		}
		a.printf("Wrote %s\n", file.path)
	}
	a.runTool(ctx, "desktops learn of flyleaf: links when they next look for new applications", "update-desktop-database", applications)
	if a.runTool(ctx, "another program that opens flyleaf: links may keep them", "xdg-mime", "default", entryName, linkScheme) {
		a.printf("flyleaf: links now open this program.\n")
	}
	a.printf("`flyleaf desktop --install --undo` removes the files.\n")
	return nil
}

// removeEntry removes what installEntry wrote. The line that xdg-mime has written stays: without the
// entry it has no effect, and the file belongs to the desktop.
func (a *app) removeEntry(ctx context.Context, applications string, files ...string) error {
	removed := 0
	for _, file := range files {
		err := os.Remove(file)
		switch {
		case err == nil:
			a.printf("Removed %s\n", file)
			removed++
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	if removed == 0 {
		a.printf("Nothing to remove: there is no %s.\n", files[0])
		return nil
	}
	a.runTool(ctx, "some desktops show Flyleaf until they look for new applications", "update-desktop-database", applications)
	return nil
}

// runTool runs a program of the desktop. If there is none, or it fails, it notes what follows from that.
func (a *app) runTool(ctx context.Context, without, name string, args ...string) bool {
	path, err := exec.LookPath(name)
	if err != nil {
		fmt.Fprintf(a.std.err, "Note: %s is not installed: %s.\n", name, without)
		return false
	}
	if out, err := exec.CommandContext(ctx, path, args...).CombinedOutput(); err != nil {
		fmt.Fprintf(a.std.err, "Note: %s failed (%v: %.200s): %s.\n", name, err, plain(strings.TrimSpace(string(out))), without)
		return false
	}
	return true
}

// desktopEntry returns a desktop entry that runs a command, followed by the link that is opened, if any.
func desktopEntry(command []string) (string, error) {
	if strings.Contains(command[0], "=") {
		return "", fmt.Errorf("a desktop cannot start a program whose path contains “=”: %s; nothing was written. Move the program, and try again", command[0])
	}
	var quoted []string
	for _, arg := range command {
		quoted = append(quoted, quoteExec(arg))
	}
	return `[Desktop Entry]
Type=Application
Version=1.0
Name=Flyleaf
Comment=Questions and answers for a book of the week
Exec=` + strings.Join(quoted, " ") + ` %u
Icon=flyleaf
Terminal=false
Categories=Education;Literature;
MimeType=` + linkScheme + `;
StartupWMClass=flyleaf
`, nil
}

var (
	// inQuotes escapes what has a meaning in a quoted argument of the key Exec, and the beginning of a
	// field code.
	inQuotes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`, `%`, `%%`)
	// inValue escapes what has a meaning in any value.
	inValue = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`)
)

// quoteExec writes an argument for the key Exec. Only arguments that need it are in quotes, because
// xdg-open, without a desktop, takes them literally.
func quoteExec(arg string) string {
	if strings.ContainsAny(arg, " \t\n\r\"'\\><~|&;$*?#()`") || arg == "" {
		return inValue.Replace(`"` + inQuotes.Replace(arg) + `"`)
	}
	return strings.ReplaceAll(arg, "%", "%%")
}
