/*
 * Test hook: in builds with --enable-test-hooks (the default; a package turns
 * them off) STANDBY_TEST_PAUSE=PHASE makes the program create the file
 * $STANDBY_TEST_PAUSE_FILE at that point and wait until it is gone.
 */
#ifndef FLOW_HOOK_H
#define FLOW_HOOK_H

void hook_pause(const char *phase);

#endif
