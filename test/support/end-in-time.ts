import { after } from 'node:test'

// How long what a test file has left open may take to go by itself.
const patienceMs = 30_000

/** Loaded with every test file: one that something keeps open fails and says by what, instead of holding up all the others. */
after(() => {
  setTimeout(() => {
    console.error(`the tests of ${process.argv[1]} have ended, but these keep it open: ${process.getActiveResourcesInfo().join(', ')}`)
    process.exit(1)
  }, patienceMs).unref()
})
