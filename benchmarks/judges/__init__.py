"""Do the two judges agree with each other, and with what an eye sees?"""
