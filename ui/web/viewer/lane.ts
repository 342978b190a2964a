// How many pictures are asked for at once, and which are no longer wanted.

type Task = () => Promise<unknown>;

/** Runs tasks, at most `width` at once, the newest urgent one first. */
export class Lane {
  private running = 0;
  private waiting: { task: Task; wanted: () => boolean; done: (value: unknown) => void; refuse: (error: unknown) => void }[] = [];

  constructor(private readonly width: number) {}

  /** Run `task` as soon as there is room; it is left out where it is not `wanted` by then. */
  now(task: Task, wanted: () => boolean): Promise<unknown> {
    return new Promise((done, refuse) => {
      this.waiting.unshift({ task, wanted, done, refuse });
      this.run();
    });
  }

  /** Run these, in order, in the place of all that wait. */
  only(tasks: Task[]): void {
    this.waiting = tasks.map((task) => ({ task, wanted: () => true, done: () => undefined, refuse: () => undefined }));
    this.run();
  }

  drop(): void {
    this.waiting = [];
  }

  private run(): void {
    while (this.running < this.width && this.waiting.length) {
      const next = this.waiting.shift()!;
      if (!next.wanted()) continue;
      this.running += 1;
      next
        .task()
        .then(next.done, next.refuse)
        .finally(() => {
          this.running -= 1;
          this.run();
        });
    }
  }
}
