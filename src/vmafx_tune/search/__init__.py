"""Search: which is the worst quality that still reaches a target?"""
