#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# usage: reads.pl DIRECTORY COMMAND..., in the guest
# Which files below a directory are read while a command runs, by whomever, and how often: as the kernel tells by
# inotify. A line for each file: times, a tab, the path from the directory. (The guest's Python has no ctypes.)
use strict;
use warnings;

use constant { INOTIFY_INIT1 => 294, INOTIFY_ADD_WATCH => 254, NONBLOCK => 04000, IN_ACCESS => 1, IN_Q_OVERFLOW => 0x4000 };

my $top = shift;
my $number = syscall(INOTIFY_INIT1, NONBLOCK);
die "inotify: $!\n" if $number < 0;
open(my $queue, '<&=', $number) or die "inotify: $!\n";
my (%paths, %times);
for my $path (split /\n/, qx(find $top -type d)) {
	my $watch = syscall(INOTIFY_ADD_WATCH, $number, $path, IN_ACCESS);
	die "$path: $!\n" if $watch < 0;
	$paths{$watch} = substr($path, length $top);
}
system(@ARGV) == 0 or die "@ARGV failed\n";
while (sysread($queue, my $events, 1 << 20)) {
	while (length $events) { # struct inotify_event
		my ($watch, $mask, undef, $length) = unpack('iIII', $events);
		die "the queue ran over\n" if $mask & IN_Q_OVERFLOW;
		my $name = unpack('Z*', substr($events, 16, $length));
		$times{"$paths{$watch}/$name"}++ if $length;
		substr($events, 0, 16 + $length, '');
	}
}
print "$times{$_}\t$_\n" for sort keys %times;
