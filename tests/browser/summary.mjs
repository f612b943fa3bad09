// The lines that tests/run reads: what failed, and how many.
export default class Summary {
  counts = { passed: 0, failed: 0, skipped: 0 };

  onTestEnd(test, result) {
    if (result.status === 'passed') this.counts.passed++;
    else if (result.status === 'skipped') this.counts.skipped++;
    else {
      this.counts.failed++;
      console.log(`\nnot ok - ${test.title}`);
    }
  }

  onError(error) {
    this.counts.failed++;
    console.log(`\nnot ok - ${error.message}`);
  }

  onEnd() {
    const c = this.counts;
    console.log(`\n${c.passed} passed, ${c.failed} failed, ${c.skipped} skipped`);
  }

  printsToStdio() { return false; }
}
