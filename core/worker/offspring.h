/* SPDX-License-Identifier: Apache-2.0
 * The programs that a module starts: none outlives the run that it was started in. */
#ifndef CORE_WORKER_OFFSPRING_H
#define CORE_WORKER_OFFSPRING_H

/* Programs whose parent has ended become children of this process, also those in a session of their own. To be called
 * before the sandbox is entered. */
void offspring_adopt(void);
/* Kills all children, and theirs, until none is left. */
void offspring_end(void);

#endif
