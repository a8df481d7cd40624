// Work that updates ask for, which may come fifty times a second.

const soon = 120;  // ms from the first update to the work
const rest = 1000; // ms from the end of the work to its next beginning, at least

// paced returns a function that asks for a step, and returns a promise that is kept when the step has run. The
// step runs soon, and takes at most a fifth of the time while it is asked for again and again: in a tab,
// the program that makes the page also fetches the posts.
export function paced(step) {
  let next = null, last = Promise.resolve(), took = 0, ended = -rest;
  const run = async before => {
    await before;
    await new Promise(done => setTimeout(done, Math.max(soon, Math.min(4 * took, 5000), ended + rest - performance.now())));
    next = null; // what is asked for from now on needs another step
    const began = performance.now();
    await step().catch(() => {});
    ended = performance.now();
    took = ended - began;
  };
  return () => next ??= last = run(last);
}
