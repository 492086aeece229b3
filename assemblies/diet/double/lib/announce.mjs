/** Says, wherever a program of the double shows, that it is one. Standard output stays what DIET's program would print. */
export function announce(program) {
  console.error(`${program}: double of DIET's ${program}; it plays the part and computes nothing.`);
}

/** Wrong command line: how it should be, exit code 1 as DIET's programs. */
export function usage(program, line) {
  console.error(`usage: ${program} ${line}   (double of DIET's ${program})`);
  process.exit(1);
}
