#!/bin/sh
# Runs the modules that were just built. The exit status of `try`: 0 continue, 1 abort or delete, 2 refused, 3 retry.
set -u
failed=0

expect() {
	wanted=$1
	shift
	postprocessing try "$@"
	status=$?
	[ $status -eq "$wanted" ] || { echo "exit status $status, not $wanted: try $*" && failed=1; }
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf 'some text\n' >"$folder/text"
printf '#!/bin/sh\n' >"$folder/script"
{ head -c 1000000 /dev/zero && printf 'secret'; } >"$folder/large"

expect 0 .libs/filetype.so
expect 0 .libs/filetype.so "$folder/text"
expect 1 .libs/filetype.so "$folder/script"
expect 0 .libs/filetype.so "$folder/script" programs=continue
expect 2 .libs/filetype.so "$folder/script" programs=maybe
expect 0 .libs/wordfilter.so "$folder/large" word=other
expect 1 .libs/wordfilter.so "$folder/large" word=secret
expect 2 .libs/wordfilter.so "$folder/large"
exit $failed
