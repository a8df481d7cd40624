package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A window of the pages is a window of a browser of the Chromium family in its app mode, without
// tabs and without an address. The browser has a profile of its own, in the data directory: with the
// profile that the user has elsewhere, a browser that is running already would open the window, and
// Flyleaf would not learn when it is closed.

// windowProfile is the directory of that profile, in the data directory.
const windowProfile = "window"

// windowBrowsers returns the programs to try, the best first: names to look up in PATH, or
// absolute paths.
func windowBrowsers(goos string, getenv func(string) string) (programs []string) {
	switch goos {
	case "darwin":
		for _, dir := range []string{"/Applications", getenv("HOME") + "/Applications"} {
			for _, app := range []string{"Google Chrome", "Chromium", "Microsoft Edge", "Brave Browser", "Vivaldi"} {
				programs = append(programs, dir+"/"+app+".app/Contents/MacOS/"+app)
			}
		}
		return append(programs, "chromium")
	case "windows":
		for _, app := range []string{
			`Google\Chrome\Application\chrome.exe`, `Chromium\Application\chrome.exe`, `Microsoft\Edge\Application\msedge.exe`,
			`BraveSoftware\Brave-Browser\Application\brave.exe`, `Vivaldi\Application\vivaldi.exe`,
		} {
			for _, variable := range []string{"ProgramFiles", "ProgramFiles(x86)", "LocalAppData"} {
				if dir := getenv(variable); dir != "" {
					programs = append(programs, dir+`\`+app)
				}
			}
		}
		return append(programs, "chrome", "msedge")
	}
	return []string{
		"chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "microsoft-edge-stable", "microsoft-edge",
		"brave-browser", "brave", "vivaldi-stable", "vivaldi",
	}
}

// findWindowBrowser returns the path of the first of the programs that can be used; "" if none can.
func findWindowBrowser(programs []string) string {
	for _, program := range programs {
		if path, err := exec.LookPath(program); err == nil && !inSnap(path) {
			return path
		}
	}
	return ""
}

// inSnap reports whether a program is a snap, or a script that starts one. A snap cannot read
// hidden directories, and the data directory usually is in one.
func inSnap(path string) bool {
	if real, err := filepath.EvalSymlinks(path); strings.HasPrefix(path, "/snap/") || err == nil && filepath.Base(real) == "snap" {
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, 4<<10)
	n, _ := f.Read(start)
	return strings.HasPrefix(string(start[:n]), "#!") && strings.Contains(string(start[:n]), "/snap/bin/")
}

// windowArgs are the arguments with which a browser opens a file in a window of its own.
func windowArgs(goos, profile, file string) []string {
	return []string{
		"--app=" + fileURL(goos, file), "--user-data-dir=" + profile, "--class=flyleaf", "--no-first-run", "--no-default-browser-check",
		"--password-store=basic", // so that no desktop asks for the password of its key ring
	}
}

func fileURL(goos, file string) string {
	if goos == "windows" {
		file = "/" + strings.ReplaceAll(file, `\`, "/")
	}
	return (&url.URL{Scheme: "file", Path: file}).String()
}

// openWindow opens a path of the pages at base in a window of its own. Without a browser that can do
// that, it opens the default browser and says so; ended is nil then. See opener.
func (a *app) openWindow(ctx context.Context, h home, base, token, path string) (ended <-chan error, err error) {
	program := findWindowBrowser(windowBrowsers(runtime.GOOS, os.Getenv))
	if program == "" {
		fmt.Fprintln(a.std.err, "Note: Chromium, Chrome, Edge, Brave or Vivaldi can show Flyleaf in a window of its own, but none was found. Opening it in your browser instead.")
		if err := a.openBrowser(h, base, token, path); err != nil {
			return nil, fmt.Errorf("no browser could be opened (%w). `flyleaf serve` prints an address to open", err)
		}
		return nil, nil
	}
	file, err := h.writeStartPage(base, token, path)
	if err != nil {
		return nil, err
	}
	profile := h.path(windowProfile)
	if err := os.MkdirAll(profile, 0o700); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, windowArgs(runtime.GOOS, profile, file)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // fails on Windows, where WaitDelay ends it
	cmd.WaitDelay = shutdownTimeout
	if a.verbose {
		cmd.Stdout, cmd.Stderr = a.std.err, a.std.err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the browser: %w", err)
	}
	done := make(chan error, 1)
	go func() {
		defer close(done)
		err := cmd.Wait()
		// A browser that runs already with this profile has opened the window instead.
		for err == nil && profileInUse(profile) && pause(ctx, profileInterval) == nil {
		}
		if err != nil && ctx.Err() == nil {
			done <- fmt.Errorf("the browser %s failed, so Flyleaf has ended; nothing was lost. --verbose shows what the browser prints (%w)", program, err)
		}
	}()
	return done, nil
}

// profileInterval is how often to look whether a profile is in use.
const profileInterval = time.Second / 2

// profileInUse reports whether a browser runs with a profile.
func profileInUse(profile string) bool {
	if runtime.GOOS == "windows" {
		err := os.Remove(filepath.Join(profile, "lockfile")) // cannot be removed while the browser has it open
		return err != nil && !errors.Is(err, fs.ErrNotExist)
	}
	lock, err := os.Readlink(filepath.Join(profile, "SingletonLock")) // to HOST-PID; a crash leaves it behind
	if err != nil {
		return false
	}
	pid, err := strconv.Atoi(lock[strings.LastIndex(lock, "-")+1:])
	if err != nil {
		return false
	}
	p, err := os.FindProcess(pid)
	return err == nil && p.Signal(syscall.Signal(0)) == nil
}
